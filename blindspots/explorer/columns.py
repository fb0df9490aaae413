"""One set as the page sorts and filters it: columns of a few bytes an image, in memory, and never pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blindspots.errors import InputError
from blindspots.explorer.view import DISTORTION, EVERY, FAILED, FOOLED, MISREAD, MOVED, View
from blindspots.names import NO_RULE
from blindspots.results.queries.choice import SetName
from blindspots.results.queries.stored_set import StoredSet, computed
from blindspots.results.results import Results
from blindspots.store.predictions import NOT_SHOWN

_KINDS = (MOVED, MISREAD, FAILED)


@dataclass(frozen=True)
class SetColumns:
    """What is known of each image (n,) of a set."""

    name: SetName
    example: np.ndarray
    """Its place in the split of the data set."""
    label: np.ndarray
    distortion: np.ndarray
    """Root mean square, in pixel values; 0 for images as they are."""
    kind: np.ndarray
    """What the search made of it: the place of that in moved, misread, failed."""
    reads: Mapping[str, np.ndarray]
    """The class that each model reads in it, of the models whose readings are stored; -1 where one was not shown it."""
    fooled: np.ndarray
    """How many of those models misread it."""
    lacking: str
    """Why some models' readings are not there; empty where all are."""

    def __len__(self) -> int:
        return len(self.label)

    def rows(self, view: View) -> np.ndarray:
        """Return the rows of the images that ``view`` chooses, in its order.

        Raises :class:`InputError` where it asks for the readings of a model that are not stored.
        """
        kept = np.ones(len(self), bool) if view.kind == EVERY else self.kind == _KINDS.index(view.kind)
        if view.classes:
            kept &= np.isin(self.label, view.classes)
        for reader in view.fooled:
            kept &= (self._of(reader) != self.label) & (self._of(reader) != NOT_SHOWN)
        for reader in view.right:
            kept &= self._of(reader) == self.label
        rows = np.flatnonzero(kept)
        key = {DISTORTION: self.distortion, FOOLED: self.fooled}.get(view.by, self.example)[rows]
        return rows[np.argsort(-key if view.descending else key, kind="stable")]

    def _of(self, reader: str) -> np.ndarray:
        if reader not in self.reads:
            raise InputError(self.lacking)
        return self.reads[reader]

    def row_of(self, example: int) -> int:
        """Return the row of an image; raise :class:`InputError` where the set has no such image."""
        found = np.flatnonzero(self.example == example)
        if not len(found):
            raise InputError(f"the set {self.name.source} {self.name.split} {self.name.rule} has no image {example}")
        return int(found[0])


def set_columns(results: Results, name: SetName) -> SetColumns:
    """Return the columns of a set; raise :class:`InputError` where the store lacks it, or files of it."""
    stored = StoredSet(results, name)
    wanted = {"example": stored.example, "label": stored.label}
    if name.group:
        wanted["distortion"] = stored.column("distortion")
    if name.rule != NO_RULE:
        wanted |= {each: stored.column(each) for each in ("clean_predicted", "success")}
    readers, lacking = {}, ""
    for spec in results.study.models:
        try:
            readers[spec.name] = stored.reads(spec.name)
        except InputError as error:
            lacking = lacking or str(error)
    arrays = computed(*wanted.values(), *readers.values())
    found = dict(zip(wanted, arrays, strict=False))
    reads = dict(zip(readers, arrays[len(wanted) :], strict=True))
    label = found["label"]
    kind = np.zeros(len(label), np.uint8)
    if name.rule != NO_RULE:
        kind[~found["success"]] = _KINDS.index(FAILED)
        kind[found["clean_predicted"] != label] = _KINDS.index(MISREAD)
    fooled = np.zeros(len(label), np.int32)
    for read in reads.values():
        fooled += (read != label) & (read != NOT_SHOWN)
    distortion = found.get("distortion", np.zeros(len(label)))
    return SetColumns(name, found["example"], label, distortion, kind, reads, fooled, lacking)
