"""One set as questions see it: columns along its examples, read lazily, and what each model reads in it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import uuid4

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import compute

from blindspots.errors import InputError, OutOfReachError
from blindspots.results.queries.choice import SetName
from blindspots.results.results import UNFINISHED, Results
from blindspots.results.tree import MENDED
from blindspots.store import layout
from blindspots.store.predictions import NOT_SHOWN

_ROWS = 1 << 18
"""Rows of a column that are in memory at once, by each thread."""

Column = Any
"""A Dask array along the examples: Dask's arrays have no types that tell."""


class StoredSet:
    """A set of a study; of the images as they are, those of a split."""

    def __init__(self, results: Results, name: SetName) -> None:
        """Raises :class:`InputError` where the store lacks the set."""
        self.results, self.name = results, name
        self._columns: dict[str, Column] = {}
        if name.group:
            results.column(name.group, "label")

    @cached_property
    def label(self) -> Column:
        """(n,) the class of each image."""
        return self.column("label") if self.name.group else blocks(xr.Variable("example", self._originals[1]))

    @cached_property
    def example(self) -> Column:
        """(n,) the place of each image in the split of the data set."""
        return self.column("example") if self.name.group else blocks(xr.Variable("example", self._originals[0]))

    @cached_property
    def _originals(self) -> tuple[np.ndarray, np.ndarray]:
        """The ids and labels of the images as they are, in the order of the split."""
        dataset, split = self.results.dataset, self.name.split
        ids = dataset.order(split, self.results.study.seed)
        return ids, dataset.labels(split, ids).numpy()

    def column(self, name: str) -> Column:
        """Return an array of the set along its examples."""
        return self._column(self.name.group, name)

    def _column(self, group: str, name: str) -> Column:
        key = f"{group}/{name}"
        if key not in self._columns:
            self._columns[key] = blocks(self.results.column(group, name).variable)
        return self._columns[key]

    def reads(self, reader: str, variant: str = "plain") -> Column:
        """Return the class (n,) that the model ``reader`` reads in each image; :data:`NOT_SHOWN` where it saw none.

        Raises :class:`InputError` where that is not in the store.
        """
        array = layout.prediction(variant, reader)
        found = self.results.find(self.name.predictions)
        if found is None or array not in found:
            what = self.name.group or f"{self.name.source} {self.name.split}"
            raise InputError(f"the store lacks what {reader} reads in {what} ({variant}); {self._why(reader, variant)}")
        return self._column(self.name.predictions, array)

    def _why(self, reader: str, variant: str) -> str:
        if self.results.find(layout.TRANSFER) is None:
            return UNFINISHED
        found = self.results.find(self.name.predictions)
        names = [] if found is None else [str(name) for name in found.data_vars]
        there = sorted({name.removesuffix(f"-by-{reader}") for name in names if name.endswith(f"-by-{reader}")})
        if there:
            return f"it was shown {', '.join(there)}"
        if names:
            return "it was not shown that"
        return "a version before left that out: blindspots run, with the study and the root as before, adds it"


def blocks(values: xr.Variable) -> Column:
    """Return an array as blocks that are read when they are asked for; a name of its own spares hashing it."""
    return values.to_base_variable().chunk({"example": _ROWS}, name=f"column-{uuid4().hex}").data


def computed(*columns: Column) -> tuple[Any, ...]:
    """Return what Dask arrays come to, all read in one pass; raise :class:`InputError` for what is damaged."""
    try:
        found: tuple[Any, ...] = compute(*columns)
    except OutOfReachError:
        raise
    except Exception as error:  # codecs raise what they like
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"what is asked for cannot be read out of the store ({reason[:80]}); {MENDED}") from None
    return found


def is_misread(reads: Column, label: Column) -> Column:
    """Tell of each image whether it was shown and read as another class."""
    return (reads != NOT_SHOWN) & (reads != label)


def among(values: Column, wanted: Sequence[int]) -> Column:
    """Tell of each value whether it is one of ``wanted``; of all where that is empty."""
    return da.isin(values, list(wanted)) if wanted else da.ones_like(values, dtype=bool)


def counts(values: Column, size: int, which: Column) -> Column:
    """Return how often each of the values 0 to ``size`` - 1 stands where ``which`` is true."""
    return da.bincount(da.where(which, values, size).astype(np.int64), minlength=size + 1)[:size]
