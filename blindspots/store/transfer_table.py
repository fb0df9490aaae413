"""The group ``transfer``: every source shown to every target, one chunk a pair of models and seed.

Dims (source, target, seed, split, rule, variant). Pairs are written side by side, each its own chunk. When the study
names other sources or targets, the table is laid out anew and what it holds is carried over by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError, Variable, open_group, open_root
from blindspots.store.layout import TRANSFER as GROUP
from blindspots.store.place import Place, Stamp

PAIR = ("source", "target", "seed")
CELL = ("split", "rule", "variant")
DIMS = PAIR + CELL

VARIABLES = {
    "n": Variable("int64", "images shown"),
    "misread": Variable("int64", "images not read as their label"),
    "as_target": Variable("int64", "images read as the target of their perturbation"),
    "clean_misread": Variable("int64", "images not read as their label without the perturbation"),
    "rate": Variable("float64", "error rate: misread / n"),
    "rate_low": Variable("float64", "lower end of the error rate's Wilson 95% interval"),
    "rate_high": Variable("float64", "upper end of the error rate's Wilson 95% interval"),
    "distortion": Variable("float64", "mean distortion of the images as shown", "pixel value"),
}

Coordinates = Mapping[str, list[Any]]

_known: dict[Place, tuple[tuple[Stamp | None, ...], dict[str, list[Any]] | None]] = {}
"""The coordinates last read of each table, with the stamps of their files: a plan asks for them pair by pair."""


@dataclass(frozen=True)
class TransferTable:
    """The table of a store, laid out along ``coordinates``."""

    place: Place
    coordinates: Coordinates

    def lay_out(self, attributes: Mapping[str, Any]) -> None:
        """Make the table, or lay it out anew where its coordinates differ, carrying its values over by name."""
        there = self._coordinates_there()
        if there == {name: list(values) for name, values in self.coordinates.items()}:
            return
        old = self._values_there() if there else {}
        shape = tuple(len(self.coordinates[dim]) for dim in DIMS)
        group = open_root(self.place).create_group(GROUP, overwrite=True, attributes=dict(attributes))
        for dim in DIMS:
            values = np.array(self.coordinates[dim], dtype=object if dim != "seed" else np.int64)
            array = group.create_array(
                dim, shape=values.shape, dtype="int64" if dim == "seed" else str, dimension_names=(dim,)
            )
            array[:] = values
        for name, variable in VARIABLES.items():
            fill = np.nan if variable.dtype == "float64" else 0
            array = group.create_array(
                name,
                shape=shape,
                dtype=variable.dtype,
                chunks=(1, 1, 1, *shape[3:]),
                fill_value=fill,
                dimension_names=DIMS,
                compressors=(BloscCodec(cname="zstd"), Crc32cCodec()),
                attributes={"units": variable.units, "long_name": variable.long_name},
            )
            if there and name in old:
                carried = _carried_over(old[name], there, self.coordinates, shape, variable.dtype, fill)
                array.with_config({"write_empty_chunks": True})[...] = carried  # a pair that is done has its files

    def write(self, pair: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Write the cells (split, rule, variant) of one pair."""
        group = open_group(self.place, GROUP, "r+")
        at = _index(pair, self.coordinates)
        for name in VARIABLES:
            array = group[name]
            assert isinstance(array, zarr.Array)
            self.place.delete(_file(name, at))
            array.with_config({"write_empty_chunks": True})[at] = arrays[name]

    def files(self, pair: Mapping[str, Any]) -> dict[str, str]:
        """Return the files that hold the cells of one pair, by variable; none where the table lacks the pair."""
        there = self._coordinates_there()
        if there is None or any(pair[dim] not in there[dim] for dim in PAIR):
            return {}
        at = _index(pair, there)
        return {name: _file(name, at) for name in VARIABLES}

    def read(self, pair: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Read the cells of one pair by name, wherever they lie; raise :class:`CorruptShardError` if that fails."""
        try:
            there = self._coordinates_there()
            if there is None or any(there[dim] != list(self.coordinates[dim]) for dim in CELL):
                raise CorruptShardError("transfer: the table has other cells")
            if any(pair[dim] not in there[dim] for dim in PAIR):
                raise CorruptShardError("transfer: the table lacks the pair")
            at = _index(pair, there)
            group = open_group(self.place, GROUP)
            return {name: np.asarray(group[name][at]) for name in VARIABLES}  # type: ignore[index]
        except CorruptShardError:
            raise
        except Exception as error:  # codecs raise what they like
            raise CorruptShardError(f"transfer: {(str(error).splitlines() or ['damaged'])[0]}") from None

    def _coordinates_there(self) -> dict[str, list[Any]] | None:
        chunks = (layout.chunk(GROUP, dim, (0,)) for dim in DIMS)
        files = tuple(map(self.place.stamp, (layout.metadata(GROUP), *chunks)))
        if _known.get(self.place, (None,))[0] != files:
            _known[self.place] = files, self._read_coordinates()
        return _known[self.place][1]

    def _read_coordinates(self) -> dict[str, list[Any]] | None:
        try:
            group = open_group(self.place, GROUP)
            return {dim: np.asarray(group[dim][...]).tolist() for dim in DIMS}  # type: ignore[index]
        except Exception:  # missing or damaged in whatever way: laid out anew
            return None

    def _values_there(self) -> dict[str, np.ndarray]:
        group = open_group(self.place, GROUP)
        found = {}
        for name in VARIABLES:
            try:
                found[name] = np.asarray(group[name][...])  # type: ignore[index]
            except Exception:  # a damaged chunk: the pairs' receipts tell that they are to be redone
                continue
        return found


def _file(name: str, at: tuple[int, ...]) -> str:
    return layout.chunk(GROUP, name, (*at, 0, 0, 0))


def _index(pair: Mapping[str, Any], coordinates: Coordinates) -> tuple[int, ...]:
    return tuple(list(coordinates[dim]).index(pair[dim]) for dim in PAIR)


def _carried_over(
    old: np.ndarray, there: Coordinates, wanted: Coordinates, shape: tuple[int, ...], dtype: str, fill: float
) -> np.ndarray:
    """Return ``old``, laid out along ``there``, along ``wanted``: by name, what is new filled."""
    result = np.full(shape, fill, dtype)
    common = {dim: [value for value in wanted[dim] if value in there[dim]] for dim in DIMS}
    into = np.ix_(*([list(wanted[dim]).index(value) for value in common[dim]] for dim in DIMS))
    out_of = np.ix_(*([list(there[dim]).index(value) for value in common[dim]] for dim in DIMS))
    result[into] = old[out_of]
    return result
