"""Reading everything back and holding it against its receipts."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from blindspots.jobs.expansion import expand
from blindspots.jobs.job import Job
from blindspots.jobs.workspace import Workspace


@dataclass(frozen=True)
class Finding:
    """Something wrong with one shard of a job."""

    job: str
    shard: int
    problem: str

    def __str__(self) -> str:
        return f"{self.job} shard {self.shard}: {self.problem}"


@dataclass(frozen=True)
class Verification:
    """What :func:`verify` found."""

    intact: int
    """Shards whose content is what their receipt says."""
    missing: int
    """Shards of the study that have no receipt: not done yet."""
    damaged: tuple[Finding, ...]
    """Shards whose content is not what their receipt says."""
    versions: dict[str, dict[str, int]]
    """For each library that the receipts name in more than one version: how many shards each version made."""


def verify(workspace: Workspace) -> Verification:
    """Read every shard that has a receipt, hash it and compare; the store is left as it is."""
    tasks = [(job, shard) for job in expand(workspace.study) for shard in range(job.shards(workspace))]
    with ThreadPoolExecutor(4) as readers:
        looks = list(readers.map(lambda task: _look(workspace, *task), tasks))
    damaged = tuple(
        Finding(job.key, shard, problem) for (job, shard), (_, problem) in zip(tasks, looks, strict=True) if problem
    )
    versions: dict[str, Counter[str]] = {}
    for found, _ in looks:
        for library, version in (found or {}).items():
            versions.setdefault(library, Counter())[version] += 1
    missing = sum(found is None for found, _ in looks)
    return Verification(
        intact=len(looks) - missing - len(damaged),
        missing=missing,
        damaged=damaged,
        versions={library: dict(counts) for library, counts in versions.items() if len(counts) > 1},
    )


def repair(workspace: Workspace, found: Verification) -> None:
    """Remove the receipts of the damaged shards, so that the next run makes them again; nothing is computed."""
    jobs = {job.key: job for job in expand(workspace.study)}
    for finding in found.damaged:
        jobs[finding.job].forget(workspace, finding.shard)


def _look(workspace: Workspace, job: Job, shard: int) -> tuple[dict[str, str] | None, str | None]:
    receipt = job.receipt(workspace, shard)
    if receipt is None:
        return None, None
    return receipt.versions, job.damage(workspace, shard, receipt)
