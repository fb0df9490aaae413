"""What jobs share that leave small data sets: each written whole as a Zarr group, in one shard."""

from abc import abstractmethod
from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar

import numpy as np
import xarray as xr

from blindspots.errors import OutOfReachError
from blindspots.jobs.hands import Hands
from blindspots.jobs.job import Job, Progress, Report
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError, delete_group, open_root
from blindspots.store.datasets import write_dataset


@dataclass(frozen=True)
class GroupShards(Job):
    """A job each of whose shards lies in a group of its own, written whole."""

    @abstractmethod
    def group(self, workspace: Workspace, shard: int) -> str:
        """Return the shard's group."""

    def files(self, workspace: Workspace, shard: int) -> dict[str, str]:
        """Return all files of the shard's group, by their paths in it."""
        folder = layout.in_hierarchy(self.group(workspace, shard))
        return {key.removeprefix(f"{folder}/"): key for key in workspace.place.files(folder)}

    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        """Return the data set's arrays."""
        group = self.group(workspace, shard)
        try:
            with xr.open_zarr(workspace.place.zarr(layout.ZARR), group=group, consolidated=False, chunks=None) as found:
                arrays = {str(name): array for name, array in found.variables.items()}
                values = workspace.place.map(lambda array: np.asarray(array.values), arrays.values())
                return dict(zip(arrays, values, strict=True))
        except OutOfReachError:
            raise
        except Exception as error:  # codecs raise what they like
            raise CorruptShardError((str(error).splitlines() or ["damaged"])[0]) from None


@dataclass(frozen=True)
class DatasetShards(GroupShards):
    """A job each of whose shards is a data set."""

    holds_text: ClassVar[bool] = True

    @abstractmethod
    def drawn(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> xr.Dataset:
        """Return the shard's data set."""

    def said(self, drawn: xr.Dataset) -> str:
        """Return a line for the log about a data set; none by default."""
        return ""

    def run(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> None:
        """Draw the data set and store it as a group of its own."""
        started = perf_counter()
        drawn = _with_one_nan(self.drawn(workspace, shard, report, hands))
        arrays = {str(name): np.asarray(array.values) for name, array in drawn.variables.items()}
        group = self.group(workspace, shard)
        self.finish(workspace, shard, arrays, lambda: write_dataset(workspace.place, group, drawn), started=started)
        size = self.size(workspace, shard)
        report(Progress(self.stage, self.key, size, size, self.unit, self.said(drawn)))


@dataclass(frozen=True)
class DatasetJob(DatasetShards):
    """A job whose result is the data set that :meth:`draw` returns, in the group of its key."""

    @abstractmethod
    def draw(self, workspace: Workspace, hands: Hands) -> xr.Dataset:
        """Return the result."""

    def group(self, workspace: Workspace, shard: int) -> str:
        """Return the key."""
        return self.key

    def drawn(self, workspace: Workspace, shard: int, report: Report, hands: Hands) -> xr.Dataset:
        """Return the result."""
        return self.draw(workspace, hands)

    def prepare(self, workspace: Workspace) -> bool:
        """Delete what is to be replaced."""
        make_way(self, workspace)
        return True


def make_way(job: Job, workspace: Workspace) -> None:
    """Delete what a job of one shard left in the group of its key, and make the groups above.

    Several workers write below those.
    """
    job.forget(workspace, 0)
    delete_group(workspace.place, job.key)
    open_root(workspace.place).require_group(job.key.rpartition("/")[0])


def _with_one_nan(drawn: xr.Dataset) -> xr.Dataset:
    """Return the data set with NaNs of one sign: Zarr writes no chunk that is all NaN, and gives another one back."""
    for array in drawn.data_vars.values():
        if array.dtype.kind == "f":
            array.values = np.where(np.isnan(array.values), np.nan, array.values).astype(array.dtype)
    return drawn
