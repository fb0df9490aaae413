"""Reading everything back and holding it against its receipts."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from blindspots.jobs.damage import drop
from blindspots.jobs.expansion import expand
from blindspots.jobs.job import Job
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout, packed_receipts, root, sealing
from blindspots.store.receipts import Receipt, forget


@dataclass(frozen=True)
class Finding:
    """Something wrong with one shard of a job, or with a file that belongs to all of them."""

    job: str
    """The job's key; of a file, its name below the root."""
    shard: int | None
    problem: str

    def __str__(self) -> str:
        return f"{self.job}: {self.problem}" if self.shard is None else f"{self.job} shard {self.shard}: {self.problem}"


@dataclass(frozen=True)
class Verification:
    """What :func:`verify` found."""

    intact: int
    """Shards whose content is what their receipt says."""
    missing: int
    """Shards of the study that have no receipt, or one of other work: not done yet."""
    damaged: tuple[Finding, ...]
    """Shards and files whose content is not what was written."""
    versions: dict[str, dict[str, int]]
    """For each library that the receipts name in more than one version: how many shards each version made."""
    others: tuple[str, ...] = ()
    """Keys of jobs that the root holds and the study has not: of studies before, kept for when they are asked for."""


@dataclass(frozen=True)
class _Look:
    """What was seen of a shard."""

    missing: bool = False
    problem: str | None = None
    versions: dict[str, str] = field(default_factory=dict)


def verify(workspace: Workspace) -> Verification:
    """Read every byte that a reader may see, hash it and compare; the store is left as it is.

    Shards are held against their receipts, receipts against their own hash, metadata against what was sealed.
    """
    forget(workspace.place)
    jobs = expand(workspace.study)
    tasks = [(job, shard) for job in jobs for shard in range(job.shards(workspace))]
    with ThreadPoolExecutor(4) as readers:
        looks = list(readers.map(lambda task: _look(workspace, *task), tasks))
    damaged = [
        Finding(job.key, shard, look.problem) for (job, shard), look in zip(tasks, looks, strict=True) if look.problem
    ]
    place = workspace.place
    about = {**root.problems(place), **sealing.problems(place), **packed_receipts.problems(place)}
    versions: dict[str, Counter[str]] = {}
    for look in looks:
        for library, version in look.versions.items():
            versions.setdefault(library, Counter())[version] += 1
    missing = sum(look.missing for look in looks)
    return Verification(
        intact=len(looks) - missing - len(damaged),
        missing=missing,
        damaged=(*damaged, *(Finding(file, None, problem) for file, problem in about.items())),
        versions={library: dict(counts) for library, counts in versions.items() if len(counts) > 1},
        others=others(workspace),
    )


def others(workspace: Workspace) -> tuple[str, ...]:
    """Return the keys of the jobs that have receipts in the root and are not of the study, sorted."""
    keys = (key for key in workspace.place.files(layout.RECEIPTS) if key != layout.STUDY_COPY)
    there = {key.removeprefix(f"{layout.RECEIPTS}/").rpartition("/")[0] for key in keys}
    return tuple(sorted(there - {job.key for job in expand(workspace.study)}))


def repair(workspace: Workspace, found: Verification) -> tuple[Finding, ...]:
    """Remove the receipts of the damaged shards, so that the next run makes them again; nothing is computed.

    And those of what may have read one of another content: :func:`~blindspots.jobs.damage.drop`. For who holds the
    root: what was found is looked at once more, since to begin there mends files that belong to all jobs, and another
    run may have made a shard anew meanwhile. Returns what is damaged still, which is what was removed.
    """
    forget(workspace.place)
    jobs = {job.key: job for job in expand(workspace.study)}
    of_jobs = [(jobs[each.job], each.shard) for each in found.damaged if each.shard is not None and each.job in jobs]
    tasks = [(job, shard) for job, shard in of_jobs if shard < job.shards(workspace)]
    with ThreadPoolExecutor(4) as readers:
        problems = [look.problem for look in readers.map(lambda task: _look(workspace, *task), tasks)]
    damaged = [(job, shard, problem) for (job, shard), problem in zip(tasks, problems, strict=True) if problem]
    for job, shard, problem in damaged:
        drop(workspace, job, shard, problem)
    return tuple(Finding(job.key, shard, problem) for job, shard, problem in damaged)


def _look(workspace: Workspace, job: Job, shard: int) -> _Look:
    receipt = job.receipt(workspace, shard)
    if receipt is None:
        there = workspace.place.has(layout.receipt(job.key, shard))
        return _Look(problem="the receipt is damaged") if there else _Look(missing=True)
    wanted = job.identity(workspace.on(receipt.device), shard)
    if wanted is not None and receipt.identity != wanted:
        return _Look(missing=True)
    problem = job.damage(workspace, shard, receipt)
    if problem is not None and wanted is None and _is_of_other_work(workspace, job, shard, receipt):
        return _Look(missing=True)
    return _Look(problem=problem, versions=receipt.versions)


def _is_of_other_work(workspace: Workspace, job: Job, shard: int, receipt: Receipt) -> bool:
    """Tell whether a receipt is of a study before, for all that is known while the job waits for what it reads.

    It names other files than the job has, or they lie as it says: then it is the job that wants something else of them.
    """
    files = job.files(workspace, shard)
    if not receipt.files or files.keys() != receipt.files.keys():
        return bool(receipt.files)
    hashes = workspace.place.map(workspace.place.hash, files.values())
    return dict(zip(files, hashes, strict=True)) == receipt.files
