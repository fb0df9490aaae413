"""A whole study in the calling process, with neither Prefect nor Ray.

The way to debug, the notebook's way, and the oracle that the distributed run is held against: the same jobs, one after
another.
"""

from dataclasses import dataclass
from pathlib import Path

from blindspots.device import one_thread
from blindspots.jobs.expansion import expand
from blindspots.jobs.job import Progress, Report, Stage
from blindspots.jobs.opening import workspace_for
from blindspots.jobs.plan import make_plan, stage_work
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
    report: Report = on_progress or _ignore
    workspace = workspace_for(study, root, device=device, data=data)
    ran: dict[str, tuple[int, ...]] = {}
    plan = make_plan(workspace, expand(study))
    with working_in(workspace.layout, study, workspace.dataset.sha256), one_thread():
        for stage in Stage:
            work = stage_work(workspace, plan, stage)
            for item in work:
                for shard in item.shards:
                    item.job.run(workspace, shard, report)
                ran[item.job.key] = item.shards
    return Ran(ran)


def _ignore(progress: Progress) -> None:
    pass
