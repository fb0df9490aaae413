"""A finished study as one self-contained HTML page: ours beside the paper's, and where and why they differ."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.report.build import build_report, write_report
else:
    __getattr__, __dir__ = exported(
        __name__, {"build_report": "blindspots.report.build", "write_report": "blindspots.report.build"}
    )

__all__ = ["build_report", "write_report"]
