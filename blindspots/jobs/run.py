"""A whole study in the calling process, with neither Prefect nor Ray.

The way to debug, the notebook's way, and the oracle that the distributed run is held against: the same jobs, one after
another.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from blindspots.device import one_thread
from blindspots.jobs.expansion import expand
from blindspots.jobs.job import Progress, Report, Stage
from blindspots.jobs.opening import workspace_for
from blindspots.jobs.plan import Plan, make_plan, stage_work
from blindspots.jobs.workspace import Workspace
from blindspots.store.root import working_in
from blindspots.study.study import Study


@dataclass(frozen=True)
class Ran:
    """What a run did: the shards computed, by the key of their job; what was done already is not in it."""

    shards: dict[str, tuple[int, ...]]

    @property
    def jobs(self) -> int:
        """How many jobs had anything to do."""
        return len(self.shards)


def run_study(
    study: Study,
    root: str | Path,
    *,
    device: str | None = None,
    data: str | Path | None = None,
    on_progress: Report | None = None,
) -> Ran:
    """Run ``study`` in ``root``, shard by shard in this process, and return what was done.

    What is done already is kept, so a run that was stopped goes on where it was. ``on_progress`` is called with every
    :class:`~blindspots.jobs.job.Progress`. Raises :class:`InputError` before any work where something does not fit.
    """
    workspace = workspace_for(study, root, device=device, data=data)
    return run_plan(workspace, make_plan(workspace, expand(study)), on_progress=on_progress)


def run_plan(workspace: Workspace, plan: Plan, *, on_progress: Report | None = None) -> Ran:
    """Do what ``plan`` says is to do of the workspace's study, as :func:`run_study` does."""
    report: Report = on_progress or _ignore
    ran: dict[str, tuple[int, ...]] = {}
    with working_in(workspace.layout, workspace.study, workspace.dataset.sha256), one_thread():
        for stage in Stage:
            for item in stage_work(workspace, plan, stage):
                before = 0
                for shard in item.shards:
                    item.job.run(workspace, shard, _after(before, report))
                    before += item.job.size(workspace, shard)
                ran[item.job.key] = item.shards
    return Ran(ran)


def _after(before: int, report: Report) -> Report:
    """Return the report for a shard: what was done ``before``, in the job's other shards, is added for ``report``."""
    return lambda progress: report(replace(progress, done=before + progress.done))


def _ignore(progress: Progress) -> None:
    pass
