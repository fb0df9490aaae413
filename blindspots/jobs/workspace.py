"""Where a study is worked on: its store, its data, its device. A plain value that can be sent to another process."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from blindspots.datasets.dataset import Dataset
from blindspots.datasets.loading import load_dataset
from blindspots.store.layout import Layout
from blindspots.study.study import Study


@dataclass(frozen=True)
class Workspace:
    """A study, the root of its store, and the settings of this run."""

    study: Study
    root: Path
    device: str = "cpu"
    """Kind of device that computes: cpu or cuda."""
    data: Path | None = None
    """Folder with the data set's files; None for the usual places."""

    @property
    def layout(self) -> Layout:
        """The paths of the store."""
        return Layout(self.root)

    @property
    def zarr(self) -> Path:
        """The Zarr hierarchy of the store."""
        return self.layout.zarr

    @property
    def dataset(self) -> Dataset:
        """The data set, loaded once a process."""
        return _load(self.study.dataset, self.data)


@lru_cache(maxsize=2)
def _load(name: str, folder: Path | None) -> Dataset:
    return load_dataset(name, folder=folder)
