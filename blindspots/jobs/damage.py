"""What becomes of a stored shard that turns out to be damaged when a job reads it: it is sent back to be made again.

A plan looks at names and sizes and not at bytes, so that a flipped bit is met by whoever reads the shard: the codec's
checksum refuses it, and whatever it is that the job then fails with, its inputs are read and hashed. Where one of them
is not what its receipt says, that receipt is removed, and the run makes the shard and what reads it once more.
"""

from blindspots.device import raise_if_full, with_room
from blindspots.errors import BlindspotsError, OutOfReachError, StoppedError
from blindspots.jobs.expansion import expand
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import OF_OTHER_CONTENT, Job, Report
from blindspots.jobs.workspace import Workspace


class SentBackError(BlindspotsError, RuntimeError):
    """A job met damage in what it reads; the damaged shards are to be made again, and then the job."""

    def __init__(self, job: str, shards: tuple[str, ...]) -> None:
        """``shards``: those sent back, each as ``key shard index: what is wrong``."""
        super().__init__(job, shards)
        self.job, self.shards = job, shards

    def __str__(self) -> str:
        return f"{self.job} met damage, which is made again: {'; '.join(self.shards)}"


def do(workspace: Workspace, job: Job, shard: int, report: Report, hands: Hands) -> None:
    """Do a shard; raise :class:`SentBackError` where that failed for damage in what the job reads."""
    try:
        with_room(lambda: job.run(workspace, shard, report, hands), workspace.device)
    except (OutOfReachError, StoppedError):
        raise
    except Exception as error:  # codecs raise what they like, and a wrong value or a refusal may come of it
        raise_if_full(error)
        damaged = send_back(workspace, job)
        if damaged:
            raise SentBackError(job.key, damaged) from error
        raise


def send_back(workspace: Workspace, job: Job) -> tuple[str, ...]:
    """Remove the receipts of the shards that ``job`` reads and that are damaged; return what was found."""
    inputs = set(job.inputs)
    found = []
    for read in expand(workspace.study):
        if read.key in inputs:
            found += drop_damaged(workspace, read)
    return tuple(found)


def drop_damaged(workspace: Workspace, job: Job) -> list[str]:
    """Remove the receipts of a job's shards that are not what those say; return what was found."""
    found = []
    for shard in range(job.shards(workspace)):
        receipt = job.receipt(workspace, shard)
        problem = None if receipt is None else job.damage(workspace, shard, receipt)
        if problem is not None:
            drop(workspace, job, shard, problem)
            found.append(f"{job.key} shard {shard}: {problem}")
    return found


def drop(workspace: Workspace, job: Job, shard: int, problem: str) -> None:
    """Remove the receipt of a damaged shard, so that it is made again.

    Where it could be read, and was another than it should be, whatever reads it may have read that: those jobs are to
    do again as well, though what is made again is what they should have read.
    """
    job.forget(workspace, shard)
    if OF_OTHER_CONTENT in problem:
        for reader in (each for each in expand(workspace.study) if job.key in each.inputs):
            for number in range(reader.shards(workspace)):
                reader.forget(workspace, number)
