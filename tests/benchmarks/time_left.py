"""The time left that a run tells, held against the time that it took: replayed from the receipts of a finished root.

``python -m tests.benchmarks.time_left ROOT``: what would have been told after 5, 10, 20 and 50% of the time, over what
was left. Trainings are taken to go on evenly, and all other shards to be told of at their end.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from blindspots.jobs.expansion import expand
from blindspots.jobs.job import Job, Progress
from blindspots.jobs.opening import workspace_of
from blindspots.jobs.plan import Plan
from blindspots.jobs.stages.trainings import TrainingJob
from blindspots.jobs.workspace import Workspace
from blindspots.results.results import Results
from blindspots.store import layout
from flows.operating.estimate import Estimate
from flows.operating.tally import Tally

SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Done:
    """A shard, and when it was worked on, in seconds since the epoch."""

    job: Job
    size: int
    began: float
    ended: float
    iterations: int = 0
    """That a training took in fact."""


def done(root: str, workspace: Workspace) -> list[Done]:
    """Return the shards of a finished root by their receipts, in the order of their ends."""
    found = []
    with Results(root) as results:
        for job in expand(workspace.study):
            for shard in range(job.shards(workspace)):
                receipt = job.receipt(workspace, shard)
                assert receipt is not None, f"{job.key} is not done"
                ended = datetime.fromisoformat(receipt.finished).timestamp()
                took = 0
                if isinstance(job, TrainingJob):
                    took = results.group(layout.curve(job.model, job.seed)).sizes["iteration"]
                found.append(Done(job, job.size(workspace, shard), ended - receipt.seconds, ended, took))
    return sorted(found, key=lambda each: each.ended)


def told(shards: Sequence[Done]) -> Iterator[tuple[float, Progress]]:
    """Yield what the run's observer was told, and when."""
    sums: dict[str, int] = {}
    for each in shards:
        job = each.job
        for iteration in range(1, each.iterations):
            at = each.began + (each.ended - each.began) * iteration / each.iterations
            yield at, Progress(job.stage, job.key, iteration, each.size, job.unit)
        sums[job.key] = sums.get(job.key, 0) + each.size
        yield each.ended, Progress(job.stage, job.key, sums[job.key], sums[job.key], job.unit)


def replay(workspace: Workspace, shards: Sequence[Done], *, workers: int) -> list[tuple[float, float]]:
    """Return seconds since the run's first shard began, and what was told to be left then, once that is told."""
    jobs = tuple(expand(workspace.study))
    estimate = Estimate(Tally(workspace, Plan(jobs, {}, frozenset(job.key for job in jobs))), workers=workers)
    first = min(each.began for each in shards)
    found = []
    for at, progress in sorted(told(shards), key=lambda each: each[0]):
        estimate.note(progress, now=at)
        left = estimate.seconds_left()
        if left is not None:
            found.append((at - first, left))
    return found


def main(root: str, workers: int = 2) -> None:
    """Print the replay of a root."""
    workspace = workspace_of(root)
    shards = done(root, workspace)
    said = replay(workspace, shards, workers=workers)
    whole = shards[-1].ended - min(each.began for each in shards)
    print(f"{workspace.study.name}: {whole:.0f} s from the first shard's beginning to the last one's end")
    for share in SHARES:
        at, left = next(((at, left) for at, left in reversed(said) if at <= share * whole), (0.0, float("nan")))
        true = whole - at
        print(f"after {share:4.0%} ({at:5.0f} s): {left:6.0f} s told, {true:6.0f} s left: {left / true:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
