"""A job: one node of the graph of work, a pure function of what it reads from the store.

Every job is done in *shards*, each written at once and proved by a receipt. A shard's identity is the hash of exactly
what decides its content, so that finished work is recognised in any root and by any later run.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import ClassVar, TypeVar

import numpy as np

from blindspots.identity import array_hash, identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError
from blindspots.store.place import Place
from blindspots.store.receipts import Receipt, read_receipt, rewrite_receipt, write_receipt
from blindspots.study.study import Study

Known = TypeVar("Known")

OF_OTHER_CONTENT = "the content is not what the receipt says"
"""What is wrong with a shard that can be read: whoever read it, was misled."""


@dataclass(frozen=True)
class Progress:
    """How far a job is, in ``unit``s, with a line worth logging."""

    stage: str
    job: str
    done: int
    total: int
    unit: str
    message: str = ""


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Job(ABC):
    """What all jobs have in common; :mod:`blindspots.jobs.expansion` makes them from a study."""

    stage: ClassVar[str]
    """The stage that the job belongs to."""
    unit: ClassVar[str] = "jobs"
    """What the job's size counts."""
    counted_as: ClassVar[str] = ""
    """What such jobs are, where they are counted for people and not their sizes, which are limits."""
    needs_worker: ClassVar[bool] = True
    """Whether a worker does it; where not, it is small enough for the process that runs the study."""
    divides: ClassVar[bool] = False
    """Whether the job is done by the process that runs the study, which hands its parts to the workers."""
    divides_beside_others: ClassVar[bool] = True
    """Whether that is so also where several such jobs are to do, which workers could do whole, one each."""
    holds_text: ClassVar[bool] = False
    """Whether its arrays may be of text."""

    @property
    @abstractmethod
    def key(self) -> str:
        """The job's name and its place in the store, such as ``sets/fc10-1/seed-0/train/nearest``."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The keys of the jobs whose results this one reads."""
        return ()

    def effort(self, study: Study) -> float:
        """Return what tells how long the job takes beside others of its stage: the longest are begun first."""
        return 0.0

    def shards(self, workspace: Workspace) -> int:
        """Return how many shards the job has."""
        return 1

    def size(self, workspace: Workspace, shard: int) -> int:
        """Return how many units of work a shard is, for progress."""
        return 1

    def images_a_unit(self, workspace: Workspace) -> int:
        """Return how many images a unit of work looks at, where that tells how long it takes."""
        return 1

    @abstractmethod
    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of what decides the shard's content, or None while an input is missing."""

    def identities(self, workspace: Workspace) -> list[str | None]:
        """Return the identities of all shards."""
        return [self.identity(workspace, shard) for shard in range(self.shards(workspace))]

    @abstractmethod
    def files(self, workspace: Workspace, shard: int) -> Mapping[str, str]:
        """Return the files that hold the shard, by the names that its receipt has for them."""

    @classmethod
    def make_room(cls, workspace: Workspace) -> bool:
        """Make what all jobs of this kind need in the store, once before any is prepared; tell whether that undid some.

        Then receipts say which of them are still done.
        """
        return False

    def check(self, workspace: Workspace) -> None:  # noqa: B027 - most jobs need no more than their inputs
        """Raise :class:`InputError` before any work where the job can't be done: a file is missing, data do not fit."""

    def fit(self, workspace: Workspace) -> None:  # noqa: B027 - most jobs have nothing to fit
        """Make what lies in the store fit the study in size and attributes, whether or not a shard is to do."""

    def prepare(self, workspace: Workspace) -> bool:
        """Make room in the store before a shard runs; return whether that undid what was done, so all is to do."""
        return False

    @abstractmethod
    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        """Do the shard: compute, write, read back, leave the receipt."""

    @abstractmethod
    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        """Return the shard's decoded arrays; raise :class:`CorruptShardError` where that is not possible."""

    def receipt(self, workspace: Workspace, shard: int) -> Receipt | None:
        """Return the shard's receipt, or None."""
        return read_receipt(workspace.place, layout.receipt(self.key, shard))

    def forget(self, workspace: Workspace, shard: int) -> None:
        """Remove the shard's receipt: it is to do again."""
        workspace.place.delete(layout.receipt(self.key, shard))

    def done(self, workspace: Workspace) -> list[bool]:
        """Tell of each shard whether it is done: a receipt of the same work, its files there in their sizes.

        Nothing of the content is read, but for receipts of before there were sizes in them.
        """
        found = []
        for shard, wanted in enumerate(self.identities(workspace)):
            receipt = None if wanted is None else self.receipt(workspace, shard)
            found.append(
                receipt is not None and receipt.identity == wanted and self._is_there(workspace, shard, receipt)
            )
        return found

    def _is_there(self, workspace: Workspace, shard: int, receipt: Receipt) -> bool:
        if not receipt.sizes:
            return self.damage(workspace, shard, receipt) is None
        return self._sizes(workspace, shard) == receipt.sizes

    def _sizes(self, workspace: Workspace, shard: int) -> dict[str, int | None]:
        return _of_files(workspace.place, workspace.place.size, self.files(workspace, shard))

    def lacks_sizes(self, workspace: Workspace) -> bool:
        """Tell whether a shard's receipt is of before there were sizes in receipts."""
        receipts = (self.receipt(workspace, shard) for shard in range(self.shards(workspace)))
        return any(receipt is not None and not receipt.sizes for receipt in receipts)

    def note_sizes(self, workspace: Workspace) -> None:
        """Give receipts of before there were sizes those of the files, which were read and found intact."""
        for shard in range(self.shards(workspace)):
            receipt = self.receipt(workspace, shard)
            if receipt is not None and not receipt.sizes:
                sizes = _known(self._sizes(workspace, shard))
                rewrite_receipt(workspace.place, layout.receipt(self.key, shard), replace(receipt, sizes=sizes))

    def damage(self, workspace: Workspace, shard: int, receipt: Receipt) -> str | None:
        """Return what is wrong with the shard's content, or None where it is what ``receipt`` speaks of.

        Everything is read and hashed: the files, and what they are decoded to. Text is decoded only out of files that
        are what they were: how many texts there are is read from the file, and gigabytes are asked for where it lies.
        """
        files = self.files(workspace, shard)
        other = {name for name, size in self._sizes(workspace, shard).items() if receipt.sizes.get(name, size) != size}
        named = {name: files.get(name, "") for name in receipt.files}
        hashes = _of_files(workspace.place, workspace.place.hash, named)
        other |= {name for name, known in receipt.files.items() if hashes[name] != known}
        other |= files.keys() ^ receipt.sizes.keys() if receipt.sizes else set()
        if other and self.holds_text:
            return f"{', '.join(sorted(other))}: {OF_OTHER_CONTENT}"
        try:
            found = _hashes(self.read(workspace, shard))
        except CorruptShardError as error:
            return str(error) if len(other) < 2 else f"{error}; {', '.join(sorted(other))}: {OF_OTHER_CONTENT}"
        wrong = sorted(
            name for name in found.keys() | receipt.arrays.keys() if found.get(name) != receipt.arrays.get(name)
        )
        if wrong:
            return f"{', '.join(wrong)}: {OF_OTHER_CONTENT}"
        return f"{', '.join(sorted(other))}: the file is not what the receipt says" if other else None

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
        place = workspace.place
        self.forget(workspace, shard)
        write()
        hashes = _hashes(self.read(workspace, shard))
        if hashes != _hashes(arrays):
            raise CorruptShardError(f"{self.key}: shard {shard} reads back otherwise than it was written")
        write_receipt(
            workspace.place,
            layout.receipt(self.key, shard),
            identity=wanted,
            content=identity(**hashes),
            arrays=hashes,
            sizes=_known(self._sizes(workspace, shard)),
            files=_known(_of_files(place, place.hash, self.files(workspace, shard))),
            seconds=perf_counter() - started,
            device=workspace.device,
        )


def _of_files(place: Place, look: Callable[[str], Known | None], files: Mapping[str, str]) -> dict[str, Known | None]:
    """Return what ``look``, a method of the place, says of files, by their names."""
    return dict(zip(files, place.map(look, files.values()), strict=True))


def _hashes(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {name: array_hash(values) for name, values in arrays.items()}


def _known(found: Mapping[str, Known | None]) -> dict[str, Known]:
    """Return what is known of files, by their names; raise :class:`CorruptShardError` where one is not there."""
    missing = [name for name, known in found.items() if known is None]
    if missing:
        raise CorruptShardError(f"the file of {missing[0]} vanished")
    return {name: known for name, known in found.items() if known is not None}
