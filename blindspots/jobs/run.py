"""A whole study in the calling process, with neither Prefect nor Ray.

The way to debug, the notebook's way, and the oracle that the distributed run is held against: the same jobs, one after
another.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from blindspots.device import repeatable
from blindspots.errors import StageFailedError
from blindspots.jobs.damage import SentBackError, do
from blindspots.jobs.hands import OwnHands
from blindspots.jobs.job import Progress, Report
from blindspots.jobs.opening import open_root, working
from blindspots.jobs.plan import Plan, current_plan, left_over, make_plan, note_sizes, wave_work, waves
from blindspots.jobs.stage import STAGES
from blindspots.jobs.workspace import Workspace
from blindspots.study.study import Study

logger = logging.getLogger(__name__)

_MOST_ROUNDS = 3
"""A shard that is damaged again each time it is made tells of a disk that is failing."""


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
    networks: Sequence[str] | None = None,
    on_progress: Report | None = None,
) -> Ran:
    """Run ``study`` in ``root``, shard by shard in this process, and return what was done.

    What is done already is kept, so a run that was stopped goes on where it was. ``on_progress`` is called with every
    :class:`~blindspots.jobs.job.Progress`. ``networks``: packages whose functions the study may name as networks of
    models that are given; their code is run. Raises :class:`InputError` before any work where something does not fit.
    """
    opened = open_root(study, root, device=device, data=data, networks=networks)
    plan = make_plan(opened.workspace)
    return Ran({}) if opened.is_settled(plan) else run_plan(opened.workspace, plan, on_progress or _ignore)


def run_plan(workspace: Workspace, plan: Plan, report: Report) -> Ran:
    """Do what is to do of ``plan``, shard by shard in this process, and return what was done.

    Where a job meets damage in what it reads, that is made again, and then the job; and so is what the plan took for
    done and the store does not. Raises :class:`StageFailedError` where that is so again and again.
    """
    ran: dict[str, tuple[int, ...]] = {}
    with working(workspace) as work, repeatable():
        plan = make_plan(workspace) if work.mended else current_plan(workspace, plan)
        for attempt in range(1, _MOST_ROUNDS + 1):
            try:
                _run_once(workspace, plan, report, ran)
            except SentBackError as error:
                if attempt == _MOST_ROUNDS:
                    raise
                logger.warning("%s", error)
            plan = make_plan(workspace)
            if plan.complete:
                break
        else:
            raise StageFailedError(left_over(plan))
        work.finished = True
    return Ran(ran)


def _run_once(workspace: Workspace, plan: Plan, report: Report, ran: dict[str, tuple[int, ...]]) -> None:
    note_sizes(workspace, plan)
    for wave in (wave for stage in STAGES for wave in waves(plan.stage(stage))):
        for item in wave_work(workspace, plan, wave):
            before = 0
            for shard in item.shards:
                do(workspace, item.job, shard, _after(before, report), OwnHands())
                before += item.job.size(workspace, shard)
            ran[item.job.key] = tuple(sorted({*ran.get(item.job.key, ()), *item.shards}))


def _after(before: int, report: Report) -> Report:
    """Return the report for a shard: what was done ``before``, in the job's other shards, is added for ``report``."""
    return lambda progress: report(replace(progress, done=before + progress.done))


def _ignore(progress: Progress) -> None:
    pass
