"""A finished or half-finished study to read: the only reader of the store outside :mod:`blindspots.jobs`."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.results.loading import load_dataset, load_model
    from blindspots.results.queries.asking import ask
    from blindspots.results.queries.registry import QUESTIONS
    from blindspots.results.results import UNFINISHED, Results
    from blindspots.results.tree import open_study
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "QUESTIONS": "blindspots.results.queries.registry",
            "UNFINISHED": "blindspots.results.results",
            "Results": "blindspots.results.results",
            "ask": "blindspots.results.queries.asking",
            "load_dataset": "blindspots.results.loading",
            "load_model": "blindspots.results.loading",
            "open_study": "blindspots.results.tree",
        },
    )

__all__ = ["QUESTIONS", "UNFINISHED", "Results", "ask", "load_dataset", "load_model", "open_study"]
