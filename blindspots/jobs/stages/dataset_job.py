"""What jobs share that leave one small data set: written whole as a Zarr group, in one shard."""

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import xarray as xr

from blindspots.jobs.job import Job, Progress, Report
from blindspots.jobs.workspace import Workspace
from blindspots.store.arrays import CorruptShardError


@dataclass(frozen=True)
class DatasetJob(Job):
    """A job whose result is the data set that :meth:`draw` returns, in the group of its key."""

    @abstractmethod
    def draw(self, workspace: Workspace) -> xr.Dataset:
        """Return the result."""

    def said(self, drawn: xr.Dataset) -> str:
        """Return a line for the log about the result; none by default."""
        return ""

    def run(self, workspace: Workspace, shard: int, report: Report) -> None:
        """Draw the data set and store it as a group of its own."""
        started = perf_counter()
        drawn = self.draw(workspace)
        arrays = {str(name): np.asarray(array.values) for name, array in drawn.variables.items()}

        def write() -> None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
                drawn.to_zarr(workspace.zarr, group=self.key, mode="w", zarr_format=3, consolidated=False)

        self.finish(workspace, 0, arrays, write, started=started)
        report(Progress(self.stage, self.key, 1, 1, self.unit, self.said(drawn)))

    def read(self, workspace: Workspace, shard: int) -> dict[str, np.ndarray]:
        """Return the data set's arrays."""
        try:
            with xr.open_zarr(workspace.zarr, group=self.key, consolidated=False, chunks=None) as found:
                return {str(name): np.asarray(array.values) for name, array in found.variables.items()}
        except Exception as error:  # codecs raise what they like
            raise CorruptShardError((str(error).splitlines() or ["damaged"])[0]) from None
