"""Where a study is worked on: its store, its data, its device. A plain value that can be sent to another process."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from blindspots.datasets.dataset import Dataset
from blindspots.datasets.loading import dataset_once
from blindspots.errors import InputError
from blindspots.networks.study_dataset import study_dataset, wanted_pictures
from blindspots.results.results import Results
from blindspots.store.place import Place
from blindspots.study.pictures_spec import PicturesSpec
from blindspots.study.study import Study


@dataclass(frozen=True)
class Workspace:
    """A study, the place of its store, and the settings of this run."""

    study: Study
    place: Place
    device: str = "cpu"
    """Kind of device that computes: cpu or cuda."""
    data: Path | None = None
    """Folder with the data set's files; None for the usual places."""
    networks: tuple[str, ...] = ()
    """Packages whose functions the study may name as networks: their code is run."""

    @property
    def dataset(self) -> Dataset:
        """The data set, loaded once a process."""
        return study_dataset(self.study, self.data)

    def examples(self, split: str, count: int | None = None) -> np.ndarray:
        """Return the ids of the first ``count`` examples of a split in the study's order; None for all.

        Raises :class:`InputError` where there are not so many.
        """
        ids = _order(self.study.dataset, self.data, wanted_pictures(self.study, self.data), split, self.study.seed)
        if count is not None and count > len(ids):
            raise InputError(
                f"{count} images are asked for, but the split {split} of {self.study.dataset_name} has {len(ids)}"
            )
        return ids[:count]

    @property
    def root(self) -> Path | str:
        """The folder of the store, or its address."""
        return self.place.root

    def results(self) -> Results:
        """Return what the store holds, to read."""
        return Results.of(self.place, self.study, data=self.data, networks=self.networks)

    def on(self, device: str) -> "Workspace":
        """Return the same work on another kind of device."""
        return replace(self, device=device)


@lru_cache(maxsize=64)
def _order(dataset: str, data: Path | None, pictures: PicturesSpec | None, split: str, seed: int) -> np.ndarray:
    return dataset_once(dataset, data, pictures).order(split, seed)
