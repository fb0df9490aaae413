"""What adversarial and reference sets share: a group of arrays along examples, made shard by shard."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from blindspots.identity import array_hash, identity
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import OF_OTHER_CONTENT, Job, Progress, Report
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.arrays import (
    CorruptShardError,
    Variable,
    create_group,
    read_shard,
    shard_files,
    write_shard,
)
from blindspots.store.documents import Document
from blindspots.store.fitting import (
    Known,
    fit,
    fitting,
    lengths,
    made_documents,
    read_document,
    read_documents,
)

EXAMPLE = Variable("int64", "index of the image in the split of the data set")


@dataclass(frozen=True)
class ExampleSet(Job):
    """A set of perturbations of the study's examples of one split."""

    split: str

    stage: ClassVar[str] = "generate"
    unit: ClassVar[str] = "images"

    @abstractmethod
    def limit(self, workspace: Workspace) -> int | None:
        """Return the most images in the set; None for all of its split."""

    @abstractmethod
    def variables(self, workspace: Workspace) -> Mapping[str, Variable]:
        """Return the set's arrays."""

    @abstractmethod
    def content(self, workspace: Workspace) -> dict[str, Any] | None:
        """Return what decides the set's content, the examples apart; None while an input is missing."""

    @abstractmethod
    def attributes(self, workspace: Workspace) -> dict[str, Any]:
        """Return the attributes of the set's group."""

    @abstractmethod
    def compute(self, workspace: Workspace, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Return the arrays of the examples ``ids``."""

    def rows(self, workspace: Workspace) -> int:
        """Return how many images a shard has, at the most."""
        return workspace.study.sets.shard

    def ids(self, workspace: Workspace, shard: int | None = None) -> np.ndarray:
        """Return the ids of the set's examples, or of one shard of them."""
        ids = workspace.examples(self.split)[: self.limit(workspace)]
        rows = self.rows(workspace)
        return ids if shard is None else ids[shard * rows : (shard + 1) * rows]

    def shards(self, workspace: Workspace) -> int:
        """Return how many shards the set is cut into."""
        return -(-len(self.ids(workspace)) // self.rows(workspace))

    def size(self, workspace: Workspace, shard: int) -> int:
        """Return how many images a shard has."""
        return len(self.ids(workspace, shard))

    def identity(self, workspace: Workspace, shard: int) -> str | None:
        """Return the hash of what decides the shard's content: a larger set begins with the same shards."""
        return self._of_shard(workspace, self._identity(workspace), shard)

    def identities(self, workspace: Workspace) -> list[str | None]:
        """Return the identities of all shards; what they have in common is hashed once."""
        whole = self._identity(workspace)
        return [self._of_shard(workspace, whole, shard) for shard in range(self.shards(workspace))]

    def _of_shard(self, workspace: Workspace, whole: str | None, shard: int) -> str | None:
        return None if whole is None else identity(set=whole, examples=array_hash(self.ids(workspace, shard)))

    def _identity(self, workspace: Workspace) -> str | None:
        content = self.content(workspace)
        if content is None:
            return None
        return identity(
            **content,
            dataset=workspace.dataset.sha256,
            split=self.split,
            dtype="float32",
            device=workspace.device,
        )

    def fit(self, workspace: Workspace) -> None:
        """Give arrays that hold this very work the metadata that they are made with, in the study's length.

        What lies beyond is dropped. Every shard that is done stays.
        """
        self._made_to_fit(workspace)

    def prepare(self, workspace: Workspace) -> bool:
        """Make arrays for this very work, unless it is what lies there already."""
        if self._made_to_fit(workspace):
            return False
        self._forget(workspace, 0)
        create_group(
            workspace.place,
            self.key,
            self.variables(workspace),
            dim="example",
            rows=len(self.ids(workspace)),
            shard=self.rows(workspace),
            attributes=self._attributes(workspace),
        )
        return True

    def _attributes(self, workspace: Workspace) -> dict[str, Any]:
        shard = self.rows(workspace)
        return {**self.attributes(workspace), "identity": self._identity(workspace), "shard": shard}

    def _made_to_fit(self, workspace: Workspace) -> bool:
        """Have what lies there fit the study where it is this very work; tell whether it is."""
        place, wanted = workspace.place, self._attributes(workspace)
        there = (read_document(place, self.key) or {}).get("attributes")
        same = isinstance(there, dict) and all(there.get(name) == wanted[name] for name in ("identity", "shard"))
        if wanted["identity"] is None or not (same or self._known(workspace)):
            return False
        made = self.documents(workspace)
        found = read_documents(place, self.key, made)
        changes = fitting(place, self.key, made, found, known=lambda: self._known(workspace), same=same)
        if changes is None:
            return False
        rows = len(self.ids(workspace))
        found_rows = lengths(found[name] for name in self.variables(workspace))
        if found_rows.keys() != {rows}:  # or arrays of several lengths, which who was killed here left
            self._forget(workspace, min(rows, *found_rows) // self.rows(workspace), kept=self._known(workspace))
        fit(place, self.key, changes, wanted)
        return True

    def documents(self, workspace: Workspace) -> dict[str, Document]:
        """Return the metadata of the set's arrays as they are made."""
        return made_documents(
            self.variables(workspace), dim="example", rows=len(self.ids(workspace)), shard=self.rows(workspace)
        )

    def _known(self, workspace: Workspace) -> Known:
        """Return what is known of the shards that were made as the study wants them."""
        wanted = self.identities(workspace)
        receipts = ((shard, self.receipt(workspace, shard)) for shard in range(len(wanted)))
        return {
            shard: receipt.arrays
            for shard, receipt in receipts
            if receipt is not None and receipt.identity == wanted[shard]
        }

    def _forget(self, workspace: Workspace, first: int, *, kept: Collection[int] = ()) -> None:
        """Remove the receipts of the shards from ``first`` on, but for those ``kept``."""
        for name in workspace.place.names(layout.receipts(self.key)):
            number = name.removesuffix(".json")
            if number.isdigit() and int(number) >= first and int(number) not in kept:
                self.forget(workspace, int(number))

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        """Return the file of each array."""
        return shard_files(self.key, shard, self.variables(workspace))

    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        """Compute one shard and store it."""
        started = perf_counter()
        ids = self.ids(workspace, shard)
        arrays = self.compute(workspace, ids)
        self.store(workspace, shard, arrays, started)
        report(Progress(self.stage, self.key, len(ids), len(ids), self.unit, self.said(workspace, shard, arrays)))

    def said(self, workspace: Workspace, shard: int, arrays: Mapping[str, np.ndarray]) -> str:
        """Return a line for the log about a shard; none by default."""
        return ""

    def read(self, workspace: Workspace, shard: int, names: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """Return the shard's arrays as stored: those named, or all."""
        wanted = names or self.variables(workspace)
        return read_shard(workspace.place, self.key, shard, self.rows(workspace), wanted)

    def read_as_made(self, workspace: Workspace, shard: int, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return those of the shard's arrays that are named, as the receipt says they are.

        Who reads them is known by that: raises :class:`CorruptShardError` where they are anything else, though they can
        be read, as where files were swapped.
        """
        found, receipt = self.read(workspace, shard, names), self.receipt(workspace, shard)
        known = {} if receipt is None else receipt.arrays
        wrong = [name for name, values in found.items() if name in known and array_hash(values) != known[name]]
        if wrong:
            raise CorruptShardError(f"{self.key} shard {shard}: {', '.join(wrong)}: {OF_OTHER_CONTENT}")
        return found

    def store(self, workspace: Workspace, shard: int, arrays: dict[str, np.ndarray], started: float) -> None:
        """Write the shard and leave its receipt."""
        typed = {
            name: np.ascontiguousarray(arrays[name], dtype=variable.dtype)
            for name, variable in self.variables(workspace).items()
        }
        self.finish(
            workspace,
            shard,
            typed,
            lambda: write_shard(workspace.place, self.key, shard, self.rows(workspace), typed),
            started=started,
        )


def contents(job: Job, workspace: Workspace) -> list[str] | None:
    """Return the content hashes of all shards of a job out of their receipts, or None while one is missing."""
    receipts = [job.receipt(workspace, shard) for shard in range(job.shards(workspace))]
    found = [receipt.content for receipt in receipts if receipt is not None]
    return found if len(found) == len(receipts) else None


def perturbation_variable(workspace: Workspace) -> Variable:
    """Return the array of perturbations for the data set's shape of image."""
    return Variable(
        "float32",
        "perturbation: what is added to the image, whose values lie in [0, 1]",
        "pixel value",
        ("channel", "height", "width"),
        workspace.dataset.shape,
    )
