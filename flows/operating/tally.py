"""How much of a run is done: what the store held before, and what has been told since, stage by stage."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod

from blindspots.jobs.job import Progress
from blindspots.jobs.plan import Plan
from blindspots.jobs.stage import STAGES
from blindspots.jobs.workspace import Workspace


@dataclass(frozen=True)
class JobTally:
    """The work of one job, in its stage's units."""

    stage: str
    total: int
    before: int
    """What was done when the run began."""


@dataclass
class StageTally:
    """The work of one stage, in its own units, such as images."""

    total: int
    before: int
    """What was done when the run began."""
    unit: str
    keys: frozenset[str]
    counted_as: str = ""
    """What its jobs are, where they are counted and not their units."""
    told: dict[str, int] = field(default_factory=dict)
    """What this run has done of each job."""

    @property
    def moved(self) -> int:
        """What this run has done."""
        return sum(self.told.copy().values())

    @property
    def done(self) -> int:
        """What is done in all."""
        return min(self.before + self.moved, self.total)


class Tally:
    """The work of a plan; progress is noted from any thread."""

    def __init__(self, workspace: Workspace, plan: Plan, stages: Iterable[str] | None = None) -> None:
        """Count what there is to do in ``stages``, of all where none are named."""
        self.study = workspace.study
        self.values = prod(workspace.dataset.shape)
        """How many values an image has."""
        self.classes = workspace.dataset.classes
        self.stages: dict[str, StageTally] = {}
        self.jobs: dict[str, JobTally] = {}
        self._images: dict[str, int] = {}
        for stage in STAGES if stages is None else stages:
            jobs = plan.stage(stage)
            sizes = {job.key: sum(job.size(workspace, shard) for shard in range(job.shards(workspace))) for job in jobs}
            lefts = {
                job.key: sum(job.size(workspace, shard) for shard in plan.to_do[job.key])
                if job.key in plan.to_do
                else sizes[job.key] * (job.key in plan.waiting)
                for job in jobs
            }
            self.jobs |= {key: JobTally(stage, sizes[key], sizes[key] - left) for key, left in lefts.items()}
            left, total = sum(lefts.values()), sum(sizes.values())
            unit, counted_as = (jobs[0].unit, jobs[0].counted_as) if jobs else ("", "")
            self.stages[stage] = StageTally(total, total - left, unit, frozenset(sizes), counted_as)
        for job in plan.jobs:
            if job.key in self.jobs:
                self._images[job.key] = job.images_a_unit(workspace)

    def counted(self, stage: str) -> tuple[int, int, str]:
        """Return how much of a stage is done, of how much, and of what, as people count it."""
        tally = self.stages[stage]
        if not tally.counted_as:
            return tally.done, tally.total, tally.unit
        ended = sum(self.jobs[key].before + self.moved(key) >= self.jobs[key].total for key in tally.keys)
        return ended, len(tally.keys), tally.counted_as

    def images(self, key: str) -> int:
        """Return how many images a unit of a job looks at."""
        return self._images[key]

    def note(self, progress: Progress) -> StageTally:
        """Note what is told of a job, and return its stage's tally."""
        tally = self.stages[progress.stage]
        tally.told[progress.job] = progress.done
        return tally

    def moved(self, key: str) -> int:
        """Return what this run has done of a job."""
        return self.stages[self.jobs[key].stage].told.get(key, 0)
