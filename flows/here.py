"""A run from the command line in this process alone: one job after another, with neither Prefect nor Ray."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from blindspots.device import keep_freed_memory
from blindspots.jobs.opening import open_root
from blindspots.jobs.plan import make_plan
from blindspots.jobs.run import Ran, run_plan
from blindspots.study.study import Study
from flows.progress_bars import progress_bars, say_what_begins


def run_in_this_process(
    study: Study, *, root: str, device: str | None, data: Path | None, networks: Sequence[str] | None = None
) -> dict[str, Any]:
    """Run ``study`` in ``root`` with progress bars; return what the study's flow returns, less what is the workers'.

    ``device``: cpu or cuda, "auto" for cuda where there is one. ``networks``: packages whose functions the study may
    name. Raises :class:`~blindspots.errors.InputError` before any work where something does not fit.
    """
    started = perf_counter()
    keep_freed_memory()
    opened = open_root(study, root, device=device, data=data, networks=networks)
    workspace, plan, ran = opened.workspace, make_plan(opened.workspace), Ran({})
    if not opened.is_settled(plan):
        say_what_begins(workspace)
        with progress_bars(workspace, plan) as observer:
            ran = run_plan(workspace, plan, observer)
    return {
        "root": str(workspace.place),
        "jobs": ran.jobs,
        "shards": sum(map(len, ran.shards.values())),
        "ran": {key: list(shards) for key, shards in ran.shards.items()},
        "seconds": round(perf_counter() - started, 2),
    }
