"""The groups ``predictions``: what every model reads in every image of every set that it is shown.

A group a set, along its examples in its order; an array a model and a way of showing, one file, written whole by the
job of the pair. So a model more is an array more, and what is there already stays as it lies.
"""

import json
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from blindspots.errors import OutOfReachError
from blindspots.store import layout
from blindspots.store.arrays import (
    CorruptShardError,
    delete_group,
    group_attributes,
    group_names,
    open_group,
    open_root,
    set_group_attributes,
)
from blindspots.store.fitting import group_document, is_proved, read_document, write_document
from blindspots.store.place import Place

NOT_SHOWN = -1
"""In the place of a class where the model was not shown the image."""
_ROWS_A_CHUNK = 1 << 20
"""Of one to two bytes each: what a lazy reader takes at once."""


def dtype_for(classes: int) -> str:
    """Return the smallest integers that hold ``classes`` classes and :data:`NOT_SHOWN`."""
    return "int8" if classes <= np.iinfo(np.int8).max + 1 else "int16"


def make_array(place: Place, group: str, name: str, *, rows: int, classes: int, attributes: Mapping[str, Any]) -> None:
    """Make the array ``name`` of ``group``, ``rows`` long, unless it is there just so.

    What else lies in the group and is of another length goes: it is of a set that is no more, and no reader could open
    the two together. The group says how long its arrays are, so that they are looked at only where that changes.
    """
    described = {**attributes, "rows": rows}
    there = group_attributes(place, group)
    if there is None:
        open_root(place).require_group(group)
    content, wanted = _empty(rows, classes)
    if there is None or there.get("rows") != rows:
        for other in group_names(place, group):
            found = _described(place, group, other)
            if found is not None and found["shape"] != wanted["shape"]:
                delete_group(place, f"{group}/{other}")
    if not _holds(place, layout.metadata(f"{group}/{name}"), content) and _described(place, group, name) != wanted:
        delete_group(place, f"{group}/{name}")
        place.write(layout.metadata(f"{group}/{name}"), content)
    if there != described:
        set_group_attributes(place, group, described)


def mend_array(
    place: Place, group: str, name: str, *, rows: int, classes: int, attributes: Mapping[str, Any], known: str | None
) -> None:
    """Put back the metadata of an array, and of its group, where the array is what its receipt says by them.

    They are as :func:`make_array` makes them; ``known``: the array's hash, None where no receipt speaks of it.
    """
    content, _ = _empty(rows, classes)
    key = layout.metadata(f"{group}/{name}")
    if not _holds(place, key, content):
        document = json.loads(content)
        if known is None or not is_proved(place, group, name, document, {0: {name: known}}):
            return  # it is of a set as it was, and made anew; or damaged, and found so
        place.write(key, content)
    wanted = group_document({**attributes, "rows": rows})
    if read_document(place, group) != wanted:
        write_document(place, group, wanted)


@lru_cache(maxsize=64)
def _empty(rows: int, classes: int) -> tuple[bytes, Mapping[str, Any]]:
    """Return the metadata of an empty array of one file, in chunks that are read apart: as they are stored, and said.

    They are all that there is of it, and hundreds are made with the same.
    """
    inner, stored = min(rows, _ROWS_A_CHUNK), dict[str, Buffer]()
    array = zarr.open_group(MemoryStore(stored), mode="w", zarr_format=3).create_array(
        "empty",
        shape=(rows,),
        dtype=dtype_for(classes),
        chunks=(inner,),
        shards=(-(-rows // inner) * inner,),
        fill_value=NOT_SHOWN,
        dimension_names=("example",),
        compressors=(BloscCodec(cname="zstd"), Crc32cCodec()),
        attributes={
            "long_name": "class that the model reads in the image as it is shown",
            "units": "1",
            "not_shown": NOT_SHOWN,
        },
    )
    return stored[f"{array.basename}/{layout.METADATA}"].to_bytes(), array.metadata.to_dict()


def _holds(place: Place, key: str, content: bytes) -> bool:
    """Tell whether a file holds ``content``."""
    try:
        return place.read(key) == content
    except OSError:
        return False


def _described(place: Place, group: str, name: str) -> dict[str, Any] | None:
    """Return an array's metadata, or None where they cannot be read."""
    try:
        array = open_group(place, group)[name]
    except OutOfReachError:
        raise
    except Exception:  # missing or damaged in whatever way
        return None
    return array.metadata.to_dict() if isinstance(array, zarr.Array) else None


def file_of(group: str, name: str) -> str:
    """Return the file of an array."""
    return layout.chunk(group, name, (0,))


def write_predictions(place: Place, group: str, name: str, values: np.ndarray) -> None:
    """Write an array whole."""
    array = open_group(place, group, "r+")[name]
    if not isinstance(array, zarr.Array) or array.shape != values.shape or array.dtype != values.dtype:
        raise ValueError(f"{group}/{name} does not take {values.shape} {values.dtype}")
    place.delete(file_of(group, name))
    array.with_config({"write_empty_chunks": True})[:] = values


def read_predictions(place: Place, group: str, name: str) -> np.ndarray:
    """Read an array whole; raise :class:`CorruptShardError` where that is not possible."""
    try:
        if not place.has(file_of(group, name)):  # Zarr would give back that nothing was shown
            raise CorruptShardError(f"{group}/{name}: the file is missing")
        return np.asarray(open_group(place, group)[name][...])  # type: ignore[index]
    except (CorruptShardError, OutOfReachError):
        raise
    except Exception as error:  # codecs raise what they like
        raise CorruptShardError(f"{group}/{name}: {(str(error).splitlines() or ['damaged'])[0]}") from None


def keep_only(place: Place, arrays: Collection[str]) -> None:
    """Delete what lies under ``predictions`` but for ``arrays``, named by their paths: no receipt speaks of it."""
    above = {path.rpartition("/")[0] for path in arrays}
    for path in tuple(above):
        parts = path.split("/")
        above |= {"/".join(parts[:end]) for end in range(1, len(parts))}
    _prune(place, layout.PREDICTIONS, set(arrays), above)


def _prune(place: Place, path: str, kept: Collection[str], above: Collection[str]) -> None:
    if path not in above:
        delete_group(place, path)
        return
    for name in group_names(place, path):
        below = f"{path}/{name}"
        if below not in kept:
            _prune(place, below, kept, above)
