"""The group ``transfer``: every source shown to every target, one chunk a pair of models and seed.

Dims (source, target, seed, split, rule, variant). Pairs are written side by side, each its own chunk. When the study
names other sources or targets, the table is laid out anew and what it holds is carried over by name, as far as that is
what the receipts say; what is not is to do again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import MemoryStore

from blindspots.errors import OutOfReachError
from blindspots.identity import array_hash
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError, Variable, open_group, set_group_attributes
from blindspots.store.layout import TRANSFER as GROUP
from blindspots.store.place import Place, Stamp
from blindspots.store.receipts import read_receipt

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

    def lay_out(self, attributes: Mapping[str, Any]) -> bool:
        """Make the table, or make it anew where it has other coordinates or is not whole; tell whether it did.

        Pairs are carried over by name, as they lie there, where the cells are the same and what can be read is what
        their receipts say; every other pair loses its receipt, so that it is to do. The table is made beside the
        hierarchy and takes the old one's place once it is whole: whoever is killed leaves either of the two.
        """
        came = self._take_place()
        if self._is_whole(self._coordinates_there()):
            set_group_attributes(self.place, GROUP, attributes)
            return came
        beside = zarr.open_group(self.place.zarr(layout.BESIDE), mode="w", zarr_format=3)
        self._make(beside.create_group(GROUP, attributes=dict(attributes)))
        carried = self._carry_over()
        for key in list(self.place.files(layout.receipts(GROUP))):
            if key not in carried:
                self.place.delete(key)
        self.place.write(layout.BESIDE_WHOLE, b"")
        self._take_place()
        return True

    def _take_place(self) -> bool:
        """Put a table that was made beside in its place where it is whole, and drop it where not; tell of the first."""
        whole = self.place.has(layout.BESIDE_WHOLE)
        if whole:
            self.place.replace_all(layout.beside(layout.in_hierarchy(GROUP)), layout.in_hierarchy(GROUP))
            self.place.delete(layout.BESIDE_WHOLE)  # first, since on an object store what lies beside goes bit by bit
        self.place.delete_all(layout.BESIDE)
        return whole

    def _make(self, group: zarr.Group) -> None:
        """Make the coordinates, with their values, and the variables, which are empty."""
        shape = tuple(len(self.coordinates[dim]) for dim in DIMS)
        for dim in DIMS:
            values = np.array(self.coordinates[dim], dtype=object if dim != "seed" else np.int64)
            array = group.create_array(
                dim, shape=values.shape, dtype="int64" if dim == "seed" else str, dimension_names=(dim,)
            )
            array[:] = values
        for name, variable in VARIABLES.items():
            group.create_array(
                name,
                shape=shape,
                dtype=variable.dtype,
                chunks=(1, 1, 1, *shape[3:]),
                fill_value=np.nan if variable.dtype == "float64" else 0,
                dimension_names=DIMS,
                compressors=(BloscCodec(cname="zstd"), Crc32cCodec()),
                attributes={"units": variable.units, "long_name": variable.long_name},
            )

    def _is_whole(self, there: Coordinates | None) -> bool:
        """Tell whether the table in the store has these coordinates, and every array is as it is made."""
        if there != {name: list(values) for name, values in self.coordinates.items()}:
            return False
        made = zarr.open_group(MemoryStore(), mode="w", zarr_format=3)
        self._make(made)
        found = self._arrays_there()
        return all(name in found and _described(found[name]) == _described(array) for name, array in made.arrays())

    def _arrays_there(self) -> dict[str, zarr.Array[Any]]:
        """Return those arrays of the table that can be opened."""
        found = {}
        for name in (*DIMS, *VARIABLES):
            try:
                array = open_group(self.place, GROUP)[name]
            except OutOfReachError:
                raise
            except Exception:  # missing or damaged in whatever way
                continue
            if isinstance(array, zarr.Array):
                found[name] = array
        return found

    def _carry_over(self) -> set[str]:
        """Copy the pairs that old and new table share beside; return the files of their receipts, there or not."""
        there, old = self._coordinates_there(), self._arrays_there()
        same = there is not None and all(list(there[dim]) == list(self.coordinates[dim]) for dim in CELL)
        made = zarr.open_group(self.place.zarr(layout.BESIDE), path=GROUP, mode="r")
        if there is None or not same or not all(name in old and _alike(old[name], made[name]) for name in VARIABLES):
            return set()
        whole: dict[str, Any] = {name: _values(old[name]) for name in VARIABLES}
        carried = set()
        shared = ([value for value in self.coordinates[dim] if value in there[dim]] for dim in PAIR)
        for source, target, seed in product(*shared):
            pair = {"source": source, "target": target, "seed": seed}
            at, to = _index(pair, there), _index(pair, self.coordinates)
            key = layout.receipt(layout.pair_job(source, target, seed), 0)
            receipt = read_receipt(self.place, key)
            try:
                for name in VARIABLES:
                    values = old[name][at] if whole[name] is None else whole[name][at]
                    if receipt is not None and array_hash(np.asarray(values)) != receipt.arrays.get(name):
                        raise CorruptShardError(f"transfer: {name} is not what the receipt says")
                    self.place.copy(_file(name, at), layout.beside(_file(name, to)))
            except OutOfReachError:
                raise
            except Exception:  # a damaged chunk, or none: codecs raise what they like
                for name in VARIABLES:
                    self.place.delete(layout.beside(_file(name, to)))
                continue
            carried.add(key)
        return carried

    def write(self, pair: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Write the cells (split, rule, variant) of one pair."""
        group = open_group(self.place, GROUP, "r+")
        at = _index(pair, self.coordinates)

        def write(name: str) -> None:
            array = group[name]
            assert isinstance(array, zarr.Array)
            self.place.delete(_file(name, at))
            array.with_config({"write_empty_chunks": True})[at] = arrays[name]

        self.place.map(write, VARIABLES)

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
            found = self.place.map(lambda name: np.asarray(group[name][at]), VARIABLES)  # type: ignore[index]
            return dict(zip(VARIABLES, found, strict=True))
        except (CorruptShardError, OutOfReachError):
            raise
        except Exception as error:  # codecs raise what they like
            raise CorruptShardError(f"transfer: {(str(error).splitlines() or ['damaged'])[0]}") from None

    def _coordinates_there(self) -> dict[str, list[Any]] | None:
        arrays = (file for dim in DIMS for file in (layout.metadata(f"{GROUP}/{dim}"), layout.chunk(GROUP, dim, (0,))))
        files = tuple(self.place.map(self.place.stamp, (layout.metadata(GROUP), *arrays)))
        if _known.get(self.place, (None,))[0] != files:
            _known[self.place] = files, self._read_coordinates()
        return _known[self.place][1]

    def _read_coordinates(self) -> dict[str, list[Any]] | None:
        try:
            group = open_group(self.place, GROUP)
            return {dim: np.asarray(group[dim][...]).tolist() for dim in DIMS}  # type: ignore[index]
        except OutOfReachError:
            raise
        except Exception:  # missing or damaged in whatever way: laid out anew
            return None


def described(dataset: str, sha256: str, amplified_to: float) -> dict[str, Any]:
    """Return the attributes of the table of a data set, whose hash is ``sha256``."""
    return {
        "long_name": "every set (source) shown to every model (target)",
        "dataset": dataset,
        "dataset_sha256": sha256,
        "amplified_to": amplified_to,
        "tables": "Tables 1 to 4",
        "comment": "n = 0 where a source has no such cell; under the rule none, as_target counts nothing; "
        "the source clean, splits train, p1, p2: the target's own training images and those of the other half",
    }


def _file(name: str, at: tuple[int, ...]) -> str:
    return layout.chunk(GROUP, name, (*at, 0, 0, 0))


def _alike(one: zarr.Array[Any], other: Any) -> bool:
    """Tell whether two variables' chunks are files of the same kind, wherever they lie in the grid."""
    left, right = ({**_described(array), "shape": None, "attributes": None} for array in (one, other))
    return left == right


def _described(array: zarr.Array[Any]) -> dict[str, Any]:
    """Return an array's metadata as they are written, in which a NaN is the text that equals itself."""
    return array.metadata.to_dict()


def _values(array: zarr.Array[Any]) -> np.ndarray | None:
    """Return all values of an array, or None where a chunk is damaged."""
    try:
        return np.asarray(array[...])
    except OutOfReachError:
        raise
    except Exception:  # codecs raise what they like
        return None


def _index(pair: Mapping[str, Any], coordinates: Coordinates) -> tuple[int, ...]:
    return tuple(list(coordinates[dim]).index(pair[dim]) for dim in PAIR)
