"""A finished study as one self-contained HTML page: ours beside the paper's, and where and why they differ."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blindspots.jobs.workspace import Workspace


def write_report(workspace: "Workspace", path: Path) -> Path:
    """Write the report of the study in ``workspace`` to ``path`` and return it; see :mod:`blindspots.report.build`."""
    from blindspots.report.build import write_report as write

    return write(workspace, path)
