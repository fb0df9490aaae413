"""A finished or half-finished study to read: what tables, figures, the report and people ask a store for."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import xarray as xr

from blindspots.errors import InputError, OutOfReachError
from blindspots.networks.known import allowed_packages
from blindspots.paths import resolved
from blindspots.results.tree import check_done, check_files, check_whole, open_group, open_tree
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.root import study_in
from blindspots.study.study import Study

if TYPE_CHECKING:
    from torch import nn

    from blindspots.datasets.dataset import Dataset

UNFINISHED = "finish it with: blindspots run, with the study and the root as before"


class Results:
    """The study in a root, read only.

    Everything is opened when it is first asked for. What was opened is closed by :meth:`close`, or at the end of a
    ``with`` block.
    """

    def __init__(
        self, root: str | Path, *, data: str | Path | None = None, networks: Sequence[str] | None = None
    ) -> None:
        """Read the study in ``root``; ``data``: folder of its data set, the usual places otherwise.

        ``networks``: packages whose functions the study may name as networks, for :meth:`network`, which runs their
        code; None for those that the environment names.

        Raises :class:`InputError` where no study lies there.
        """
        self.place = Place.at(root)
        there = study_in(self.place, root=root)
        self.study: Study = there.study
        """The study as last run."""
        self._data = None if data is None else Path(data)
        self._finished = there.finished
        self._networks = allowed_packages() if networks is None else tuple(networks)

    @classmethod
    def of(cls, place: Place, study: Study, *, data: Path | None = None, networks: tuple[str, ...] = ()) -> "Results":
        """Return what lies in ``place``, known to be of ``study`` whatever the root says of itself."""
        results = cls.__new__(cls)
        results.place, results.study, results._finished = place, study, True
        results._data, results._networks = data, networks
        return results

    def __enter__(self) -> "Results":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        if "tree" in self.__dict__:
            self.tree.close()
            del self.__dict__["tree"]
        for groups in (self._groups, self._bare):
            for opened in groups.values():
                if opened is not None:
                    opened.close()
            groups.clear()

    @property
    def root(self) -> Path | str:
        """The folder, or the address of an object store."""
        return self.place.root

    @cached_property
    def tree(self) -> xr.DataTree:
        """The store's hierarchy, arrays read whole when they are looked at; :meth:`lazy` has them as Dask arrays.

        Raises :class:`InputError` where nothing has been made yet.
        """
        return open_tree(self.place, lazy=False)

    def lazy(self) -> xr.DataTree:
        """Return the hierarchy with Dask arrays along the stored chunks, to reduce sets larger than memory."""
        return open_tree(self.place, lazy=True)

    @cached_property
    def dataset(self) -> "Dataset":
        """The data set that the study is of."""
        from blindspots.datasets.sources import named_folder
        from blindspots.networks.study_dataset import study_dataset

        folder = named_folder() if self._data is None else self._data
        return study_dataset(self.study, None if folder is None else resolved(folder))

    @cached_property
    def _groups(self) -> dict[str, xr.Dataset | None]:
        """What was asked for by :meth:`find`, each group opened once."""
        return {}

    @cached_property
    def _bare(self) -> dict[str, xr.Dataset | None]:
        """What was asked for by :meth:`column`."""
        return {}

    @cached_property
    def _whole(self) -> set[tuple[str, str]]:
        """The arrays that were asked for by :meth:`column`, and have all their files."""
        return set()

    def find(self, group: str) -> xr.Dataset | None:
        """Return the arrays of a group, or None where there is no such group or it is empty.

        Raises :class:`InputError` where one of them is lost, its metadata damaged, or a set is not finished.
        """
        if group not in self._groups:
            found = open_group(self.place, group)
            if found is not None:
                check_done(self.place, group, found)
            self._groups[group] = found
        return self._groups[group]

    def group(self, group: str) -> xr.Dataset:
        """Return the arrays of a group; raise :class:`InputError` where it is not there: the study is not finished."""
        found = self.find(group)
        if found is None:
            raise InputError(f"the store lacks {group}; {UNFINISHED}")
        return found

    def column(self, group: str, name: str) -> xr.DataArray:
        """Return an array of a group, not read yet, and nothing else of the group either.

        Raises :class:`InputError` where it is not there, or a file of it is lost: it would be read as if it held zeros.
        """
        if group not in self._bare:
            self._bare[group] = open_group(self.place, group, indexed=False)
        found = self._bare[group]
        if found is None:
            raise InputError(f"the store lacks {group}; {UNFINISHED}")
        if name not in found:
            raise InputError(f"the store lacks {name} in {group}; {UNFINISHED}")
        if (group, name) not in self._whole:
            check_files(self.place, group, found[name])
            self._whole.add((group, name))
        return found[name]

    def table(self, name: str) -> xr.Dataset | None:
        """Return a table as the last run drew it, in memory, or None where that is not there or cannot be decoded.

        Nothing else of the store is opened for it.
        """
        group = layout.table(name)
        if not self._finished or not self.place.has(layout.receipt(group, 0)):  # it may be one of other sets
            return None
        try:
            found: xr.Dataset
            with xr.open_zarr(self.place.zarr(layout.ZARR), group=group, consolidated=False, chunks=None) as found:
                drawn: xr.Dataset = found.load()
                check_whole(self.place, group, drawn)
                return drawn
        except OutOfReachError:
            raise
        except Exception:  # codecs raise what they like
            return None

    def network(self, name: str, seed: int = 0) -> "nn.Module":
        """Return a model with its weights, in evaluation mode on the CPU.

        Raises :class:`InputError` where the study has no such model or its weights cannot be used.
        """
        from blindspots.models.stored import stored_model
        from blindspots.store.arrays import CorruptShardError

        try:
            return stored_model(self.place, self.study, self.dataset, name, seed, networks=self._networks)
        except CorruptShardError as error:
            raise InputError(f"the weights of {name} cannot be used: {error}; make them with: blindspots run") from None
