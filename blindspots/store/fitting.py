"""Metadata of groups held against what is written when they are made, and put right without a shard being lost.

The hash of all metadata is taken away while a run is at work, so that what is damaged then would be sealed as it lies.
What each document says is known, though: it is what :func:`~blindspots.store.arrays.create_group` writes. Where another
lies there it is written anew, as far as what is stored can be read by it: how arrays are encoded may be an older
version's, and shards stay as they are.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from blindspots.errors import OutOfReachError
from blindspots.identity import array_hash
from blindspots.store import layout
from blindspots.store.arrays import Variable, create_arrays
from blindspots.store.documents import Document, is_array, read_json, text_of
from blindspots.store.place import Place

Known = Mapping[int, Mapping[str, str]]
"""The hash of each array, by shard: of shards that are done."""

_FREE = ("attributes", "dimension_names", "shape")
"""What an array's document may say otherwise, and what is stored be read all the same."""
_MOST_TRIED = 3
_MOST_KEPT = 64
_made: dict[str, dict[str, Document]] = {}


def documents_of(make: Callable[[zarr.Group], object]) -> dict[str, Document]:
    """Return the documents of the arrays that ``make`` makes in a group, by their names."""
    stored: dict[str, Any] = {}
    make(zarr.open_group(MemoryStore(stored), mode="w", zarr_format=3))
    ending = f"/{layout.METADATA}"
    return {key.removesuffix(ending): json.loads(stored[key].to_bytes()) for key in stored if key.endswith(ending)}


def made_documents(variables: Mapping[str, Variable], *, dim: str, rows: int, shard: int) -> dict[str, Document]:
    """Return the documents of the arrays that :func:`~blindspots.store.arrays.create_group` makes; many are alike."""
    key = repr((dict(variables), dim, rows, shard))
    if key not in _made:
        if len(_made) >= _MOST_KEPT:
            _made.clear()
        _made[key] = documents_of(lambda node: create_arrays(node, variables, dim=dim, rows=rows, shard=shard))
    return _made[key]


def group_document(attributes: Mapping[str, Any]) -> Document:
    """Return the document of a group."""
    document: Document = json.loads(json.dumps({"attributes": attributes, "zarr_format": 3, "node_type": "group"}))
    return document


def read_document(place: Place, path: str) -> Document | None:
    """Return what lies in the place of a group's or an array's document; None where that is no document at all."""
    found = read_json(place, layout.metadata(path))
    return found if isinstance(found, dict) else None


def write_document(place: Place, path: str, document: Document) -> None:
    """Write a group's or an array's document."""
    place.write(layout.metadata(path), text_of(document))


def read_documents(place: Place, group: str, names: Iterable[str]) -> dict[str, Document | None]:
    """Return what lies in the place of the documents of a group's arrays."""
    wanted = list(names)
    found = place.map(lambda name: read_document(place, f"{group}/{name}"), wanted)
    return dict(zip(wanted, found, strict=True))


def lengths(documents: Iterable[Document | None]) -> Counter[int]:
    """Return how many of some arrays' documents say which length; those that cannot be read say none."""
    return Counter(document["shape"][0] for document in documents if document is not None and _is_readable(document))


def fitting(
    place: Place,
    group: str,
    made: Mapping[str, Document],
    found: Mapping[str, Document | None],
    *,
    known: Callable[[], Known],
    same: bool,
) -> dict[str, Document] | None:
    """Return those of a group's arrays' documents that are to be other ones than those that were ``found``.

    ``made``: the documents as they are made; ``known``: what is known of the shards that are done, asked for where it
    matters; ``same``: whether the group is known to be of the same work, in shards of the same length, so that arrays
    may be encoded as an older version did. None where what lies there cannot be told from other work.
    """
    changes = {}
    for name, document in made.items():
        there = found[name]
        if there == document:
            continue
        encoded = there is not None and _is_readable(there) and _encoding(there) == _encoding(document)
        if encoded or is_proved(place, group, name, document, known()):
            changes[name] = document
        elif there is None or not (same and known() and _is_readable(there)):
            return None
        elif any(there.get(field) != document[field] for field in _FREE):
            changes[name] = there | {field: document[field] for field in _FREE}
    return changes


def fit(place: Place, group: str, changes: Mapping[str, Document], attributes: Mapping[str, Any] | None) -> None:
    """Write those documents of a group's arrays that change, drop the files that lie beyond, and fit its own.

    ``attributes``: None where they are not known, and what lies there stays.
    """
    for name, document in changes.items():
        _drop_beyond(place, group, name, document)
        write_document(place, f"{group}/{name}", document)
    wanted = None if attributes is None else group_document(attributes)
    if wanted is not None and read_document(place, group) != wanted:
        write_document(place, group, wanted)


def fit_whole(
    place: Place,
    group: str,
    variables: Mapping[str, Variable],
    *,
    dim: str,
    attributes: Mapping[str, Any] | None,
    hashes: Mapping[str, str],
) -> None:
    """Have a group of one shard, of which ``hashes`` of the arrays are known, be as it is made, in the length it has.

    Where nothing says how long it is, or what lies there is something else, it is left alone.
    """
    found = read_documents(place, group, variables)
    there = lengths(found.values())
    if not there:
        return
    rows = there.most_common(1)[0][0]
    made = made_documents(variables, dim=dim, rows=rows, shard=rows)
    changes = fitting(place, group, made, found, known=lambda: {0: hashes}, same=True)
    if changes is not None:
        fit(place, group, changes, attributes)


def is_proved(place: Place, group: str, name: str, document: Document, known: Known) -> bool:
    """Tell whether some shard's file is, by a document, what is known of it."""
    tried = [(index, arrays[name]) for index, arrays in known.items() if name in arrays][:_MOST_TRIED]
    return any(_read_by(place, group, name, document, index) == wanted for index, wanted in tried)


def _read_by(place: Place, group: str, name: str, document: Document, index: int) -> str | None:
    """Return the hash of what a shard's file is by a document; None where it cannot be read by that."""
    at = (index, *(0 for _ in document["shape"][1:]))
    try:
        content = place.read(layout.chunk(group, name, at))
    except OSError:
        return None
    rows = document["chunk_grid"]["configuration"]["chunk_shape"][0]
    files = {layout.METADATA: json.dumps(document).encode(), "/".join(map(str, ("c", *at))): content}
    buffer = default_buffer_prototype().buffer
    store = MemoryStore({key: buffer.from_bytes(each) for key, each in files.items()})
    try:
        array = zarr.open_array(store, mode="r", zarr_format=3)
        return array_hash(np.asarray(array[index * rows : (index + 1) * rows]))
    except OutOfReachError:
        raise
    except Exception:  # codecs raise what they like
        return None


def _drop_beyond(place: Place, group: str, name: str, document: Document) -> None:
    """Delete the files of an array beyond its length."""
    shape, rows = document["shape"], document["chunk_grid"]["configuration"]["chunk_shape"][0]
    for number in place.names(layout.chunk(group, name, ())):
        if number.isdigit() and int(number) * rows >= shape[0]:
            place.delete(layout.chunk(group, name, (int(number), *(0 for _ in shape[1:]))))


def _encoding(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in _FREE}


def _is_readable(document: Document) -> bool:
    """Tell whether Zarr takes a document for that of an array with a first dimension."""
    return is_array(document) and len(document["shape"]) > 0
