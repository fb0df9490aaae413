"""A finished or half-finished study to read: the only reader of the store outside :mod:`blindspots.jobs`."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.results.results import UNFINISHED, Results
    from blindspots.results.tree import open_study
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "UNFINISHED": "blindspots.results.results",
            "Results": "blindspots.results.results",
            "open_study": "blindspots.results.tree",
        },
    )

__all__ = ["UNFINISHED", "Results", "open_study"]
