"""A job: one node of the graph of work, a pure function of what it reads from the store.

Every job is done in *shards*, each written at once and proved by a receipt. A shard's identity is the hash of exactly
what decides its content, so that finished work is recognised in any root and by any later run.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from time import perf_counter

import numpy as np

from blindspots.identity import array_hash, identity
from blindspots.jobs.workspace import Workspace
from blindspots.store.arrays import CorruptShardError
from blindspots.store.receipts import Receipt, read_receipt, write_receipt


class Stage(StrEnum):
    """The stages of a study, in order; each reads what the one before left in the store."""

    TRAIN = "train"
    GENERATE = "generate"
    TRANSFER = "transfer"
    NEGATIVES = "negatives"
    BOUNDS = "bounds"
    TABLES = "tables"


@dataclass(frozen=True)
class Progress:
    """How far a job is, in ``unit``s, with a line worth logging."""

    stage: Stage
    job: str
    done: int
    total: int
    unit: str
    message: str = ""


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Job(ABC):
    """What all jobs have in common; :mod:`blindspots.jobs.expansion` makes them from a study."""

    @property
    @abstractmethod
    def stage(self) -> Stage:
        """The stage that the job belongs to."""

    @property
    @abstractmethod
    def key(self) -> str:
        """The job's name and its place in the store, such as ``sets/fc10-1/seed-0/train/nearest``."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The keys of the jobs whose results this one reads."""
        return ()

    @property
    def unit(self) -> str:
        """What the job's size counts."""
        return "jobs"

    def shards(self, workspace: Workspace) -> int:
        """Return how many shards the job has."""
        return 1

    def size(self, workspace: Workspace, shard: int) -> int:
        """Return how many units of work a shard is, for progress."""
        return 1

    @abstractmethod
    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of what decides the shard's content, or None while an input is missing."""

    def fit(self, workspace: Workspace) -> None:  # noqa: B027 - most jobs have nothing to fit
        """Make what lies in the store fit the study in size and attributes, whether or not a shard is to do."""

    def prepare(self, workspace: Workspace) -> bool:
        """Make room in the store before a shard runs; return whether that undid what was done, so all is to do."""
        return False

    @abstractmethod
    def run(self, workspace: Workspace, shard: int, report: Report) -> None:
        """Do the shard: compute, write, read back, leave the receipt."""

    @abstractmethod
    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        """Return the shard's decoded arrays; raise :class:`CorruptShardError` where that is not possible."""

    def receipt(self, workspace: Workspace, shard: int) -> Receipt | None:
        """Return the shard's receipt, or None."""
        return read_receipt(workspace.layout.receipt(self.key, shard))

    def is_done(self, workspace: Workspace, shard: int) -> bool:
        """Tell whether the shard is done: a receipt of the same work, and the content that it speaks of."""
        receipt = self.receipt(workspace, shard)
        return (
            receipt is not None
            and receipt.identity == self.identity(workspace, shard)
            and self.is_intact(workspace, shard, receipt)
        )

    def is_intact(self, workspace: Workspace, shard: int, receipt: Receipt) -> bool:
        """Tell whether what can be read back is what ``receipt`` speaks of."""
        return self.damage(workspace, shard, receipt) is None

    def damage(self, workspace: Workspace, shard: int, receipt: Receipt) -> str | None:
        """Return what is wrong with the shard's content, or None where it is what ``receipt`` speaks of."""
        try:
            found = _hashes(self.read(workspace, shard))
        except CorruptShardError as error:
            return str(error)
        wrong = sorted(
            name for name in found.keys() | receipt.arrays.keys() if found.get(name) != receipt.arrays.get(name)
        )
        return f"{', '.join(wrong)}: the content is not what the receipt says" if wrong else None

    def finish(
        self,
        workspace: Workspace,
        shard: int,
        arrays: Mapping[str, np.ndarray],
        write: Callable[[], None],
        *,
        started: float,
    ) -> None:
        """Take a shard through its life: remove the receipt, ``write``, read back, leave the receipt.

        ``started`` is the reading of :func:`time.perf_counter` when the work began. Raises
        :class:`CorruptShardError` where the store gives back other values than were written.
        """
        wanted = self.identity(workspace, shard)
        if wanted is None:
            raise RuntimeError(f"{self.key}: an input vanished while shard {shard} was made")
        path = workspace.layout.receipt(self.key, shard)
        path.unlink(missing_ok=True)
        write()
        hashes = _hashes(self.read(workspace, shard))
        if hashes != _hashes(arrays):
            raise CorruptShardError(f"{self.key}: shard {shard} reads back otherwise than it was written")
        write_receipt(
            path,
            identity=wanted,
            content=identity(**hashes),
            arrays=hashes,
            seconds=perf_counter() - started,
            device=workspace.device,
        )


def _hashes(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {name: array_hash(values) for name, values in arrays.items()}


@lru_cache(maxsize=64)
def examples(workspace: Workspace, split: str, count: int | None) -> np.ndarray:
    """Return the ids of the first ``count`` examples of a split in the study's order; None for all."""
    ids = workspace.dataset.order(split, workspace.study.seed)
    if count is not None and count > len(ids):
        from blindspots.errors import InputError

        raise InputError(
            f"{count} images are asked for, but the split {split} of {workspace.study.dataset} has {len(ids)}"
        )
    return ids[:count]
