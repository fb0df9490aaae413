"""Sets of arrays along examples, written shard by shard into one Zarr group and read back.

A shard has one writer. Before it is written its old keys are deleted, since a corrupt shard cannot be overwritten;
afterwards it is read back, so that its receipt speaks of what a reader gets.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from blindspots.errors import BlindspotsError, OutOfReachError
from blindspots.store import layout
from blindspots.store.place import Place

_MOST_ROWS_A_CHUNK = 250


class CorruptShardError(BlindspotsError, RuntimeError):
    """A stored shard cannot be decoded, or not to what its receipt says."""


@dataclass(frozen=True)
class Variable:
    """An array of a set: its dtype, its dimensions after the first, and what it means."""

    dtype: str
    long_name: str
    units: str = "1"
    dims: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)


def open_root(place: Place) -> zarr.Group:
    """Open the hierarchy for writing, made where it is missing."""
    return zarr.open_group(place.zarr(layout.ZARR), mode="a", zarr_format=3, use_consolidated=False)


def open_group(place: Place, group: str, mode: Literal["r", "r+"] = "r") -> zarr.Group:
    """Open a group by its own metadata; raises what Zarr raises where it is missing or damaged."""
    return zarr.open_group(place.zarr(layout.ZARR), path=group, mode=mode, zarr_format=3, use_consolidated=False)


def create_group(
    place: Place,
    group: str,
    variables: Mapping[str, Variable],
    *,
    dim: str,
    rows: int,
    shard: int,
    attributes: Mapping[str, Any],
) -> None:
    """Make the group with one empty array a variable, ``rows`` long in ``dim``, cut into shards of ``shard`` rows."""
    delete_group(place, group)
    node = open_root(place).create_group(group, attributes=dict(attributes))
    create_arrays(node, variables, dim=dim, rows=rows, shard=shard)


def create_arrays(node: zarr.Group, variables: Mapping[str, Variable], *, dim: str, rows: int, shard: int) -> None:
    """Make the empty arrays of such a group."""
    for name, variable in variables.items():
        inner = _rows_a_chunk(shard) if variable.shape else shard
        node.create_array(
            name,
            shape=(rows, *variable.shape),
            dtype=variable.dtype,
            chunks=(inner, *variable.shape),
            shards=(shard, *variable.shape) if variable.shape else None,
            dimension_names=(dim, *variable.dims),
            compressors=(BloscCodec(cname="zstd", clevel=3), Crc32cCodec()),
            attributes={"units": variable.units, "long_name": variable.long_name, **variable.attributes},
        )


def _rows_a_chunk(shard: int) -> int:
    """Return the largest divisor of ``shard`` that keeps a chunk small enough to read a few images quickly."""
    return max(rows for rows in range(1, min(shard, _MOST_ROWS_A_CHUNK) + 1) if shard % rows == 0)


def group_attributes(place: Place, group: str) -> dict[str, Any] | None:
    """Return a group's attributes, or None where the group is missing or damaged."""
    try:
        return dict(open_group(place, group).attrs)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def set_group_attributes(place: Place, group: str, attributes: Mapping[str, Any]) -> None:
    """Give the group these attributes, where it has others."""
    node = open_group(place, group, "r+")
    if dict(node.attrs) != dict(attributes):
        node.attrs.put(dict(attributes))


def delete_group(place: Place, group: str) -> None:
    """Delete a group with all that is in it, where it is there; nothing of it is read, since it may be damaged."""
    place.delete_all(layout.in_hierarchy(group))


def group_names(place: Place, group: str) -> list[str]:
    """Return the names of what lies in a group, whole or not; none where it is not there."""
    return place.folders(layout.in_hierarchy(group))


def write_shard(place: Place, group: str, index: int, shard: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Write one shard: rows ``index * shard`` and on of every array of the group."""
    node = open_group(place, group, "r+")

    def write(name: str) -> None:
        values = arrays[name]
        array = _array(node, name).with_config({"write_empty_chunks": True})
        if array.dtype != values.dtype:
            raise TypeError(f"{group}/{name} holds {array.dtype}, not {values.dtype}")
        start = index * shard
        stop = min(start + shard, array.shape[0])
        if values.shape != (stop - start, *array.shape[1:]):
            raise ValueError(f"shard {index} of {group}/{name} takes {stop - start} rows, not the shape {values.shape}")
        place.delete(layout.chunk(group, name, _chunk_index(array.ndim, index)))
        array[start:stop] = values

    place.map(write, arrays)


def read_shard(place: Place, group: str, index: int, shard: int, variables: Iterable[str]) -> dict[str, np.ndarray]:
    """Read one shard of the named arrays; raise :class:`CorruptShardError` where that is not possible."""
    try:
        node = open_group(place, group)
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise CorruptShardError(f"{group}: the group cannot be opened ({_first_line(error)})") from None

    def read(name: str) -> np.ndarray:
        try:
            array = _array(node, name)
            if not place.has(layout.chunk(group, name, _chunk_index(array.ndim, index))):
                raise CorruptShardError(f"{name}: the file is missing")
            return np.asarray(array[index * shard : (index + 1) * shard])
        except (CorruptShardError, OutOfReachError):
            raise
        except Exception as error:  # codecs raise what they like: ValueError, RuntimeError, zlib's and struct's errors
            raise CorruptShardError(f"{name}: {_first_line(error)}") from None

    names = list(variables)
    return dict(zip(names, place.map(read, names), strict=True))


def read_rows(place: Place, group: str, variables: Iterable[str]) -> dict[str, np.ndarray]:
    """Read the named arrays of a group whole."""
    node, names = open_group(place, group), list(variables)
    return dict(zip(names, place.map(lambda name: np.asarray(_array(node, name)[...]), names), strict=True))


def shard_files(group: str, index: int, variables: Mapping[str, Variable]) -> dict[str, str]:
    """Return the file that holds a shard of each variable."""
    return {
        name: layout.chunk(group, name, _chunk_index(1 + len(variable.shape), index))
        for name, variable in variables.items()
    }


def _array(node: zarr.Group, name: str) -> zarr.Array[Any]:
    array = node[name]
    if not isinstance(array, zarr.Array):
        raise TypeError(f"{node.path}/{name} is a group, not an array")
    return array


def _chunk_index(dims: int, index: int) -> tuple[int, ...]:
    return (index, *(0 for _ in range(dims - 1)))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
