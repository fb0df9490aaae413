"""The hierarchy's metadata: sealed at the end of a run, looked at by whoever asks, and mended where a run begins.

Every group and array has a document of its own, and once a run is over the hierarchy's has a copy of them all, with
their hash among its attributes. So a document that is lost or damaged is told from its copy, whichever of the two it
was, and put back byte for byte. In stores of before there was a hash, and where both are damaged, what cannot be put
back goes, with the receipts of what lies there: that is to do again.
"""

import hashlib
import json
import warnings
from collections.abc import Iterable
from typing import Any, Literal

import zarr
from zarr.errors import ZarrUserWarning

from blindspots.store import layout
from blindspots.store.documents import Document, is_array, read_json, text_of
from blindspots.store.place import Place

SEAL = "metadata_sha256"
"""The hierarchy's attribute with the hash of all other metadata."""

_EMPTY_GROUP: dict[str, Any] = {"attributes": {}, "zarr_format": 3, "node_type": "group"}
_COPIES = "consolidated_metadata"
_OF_A_GROUP = {*_EMPTY_GROUP, _COPIES}
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, ZarrUserWarning)

_PUT_BACK = ("sets", "references", "certified", "training", "pools", layout.PREDICTIONS)
"""What lies below has metadata that its job makes anew as they were, and holds against its receipts: see ``fit``."""


def seal(place: Place) -> bool:
    """Consolidate the hierarchy's metadata, so that plain readers open it at once and without a warning, with a hash.

    Where some are damaged or missing, they are mended first: see :func:`mend`; tell whether that left something to do.
    """
    undone = False
    try:
        _consolidate(place, "error")
    except _UNREADABLE:
        undone = mend(place)
        _consolidate(place, "ignore")
    root = _document(place, layout.HIERARCHY_METADATA)
    if root is None:
        raise RuntimeError(f"{layout.HIERARCHY_METADATA} cannot be read right after it was written")
    root["attributes"][SEAL] = _hash(root["attributes"], _copies(root) or {})
    place.write(layout.HIERARCHY_METADATA, text_of(root))
    return undone


def is_sealed(place: Place) -> bool:
    """Tell whether the hierarchy's metadata are consolidated, and the copies what they were; no other file is read."""
    root = _document(place, layout.HIERARCHY_METADATA)
    copies = _copies(root)
    return copies is not None and _seal(root) in (None, _hash(_attributes(root), copies))


def is_intact(place: Place) -> bool:
    """Tell whether the hierarchy is sealed with a hash, and every group and array has the document that is sealed."""
    return _seal(_document(place, layout.HIERARCHY_METADATA)) is not None and not problems(place)


def problems(place: Place) -> dict[str, str]:
    """Return what is wrong with metadata, by their file: with any in a sealed hierarchy, else with what cannot be read.

    Where there is no hierarchy yet, nothing is.
    """
    if not place.has_folder(layout.ZARR):
        return {}
    root, own = _document(place, layout.HIERARCHY_METADATA), _own(place)
    found = {_file(path): "the metadata are damaged" for path, document in own.items() if document is None}
    found |= {_file(path): "the metadata are missing" for path in _parents(own) if path not in own}
    if root is None:
        return {layout.HIERARCHY_METADATA: "the metadata are missing or damaged", **found}
    copies = _copies(root)
    if root.keys() - _OF_A_GROUP or (copies is None) != (_COPIES not in root):
        return {layout.HIERARCHY_METADATA: "the metadata are damaged", **found}
    if copies is None:
        return found if _seal(root) is None else {layout.HIERARCHY_METADATA: "the metadata are damaged", **found}
    if _seal(root) is not None and _seal(root) != _hash(_attributes(root), copies):
        return {layout.HIERARCHY_METADATA: "the metadata are not what was sealed", **found}
    for path, copy in copies.items():
        if path not in own:
            found[_file(path)] = "the metadata are missing"
        elif own[path] is not None and own[path] != copy:
            found[_file(path)] = "the metadata are not those that the hierarchy has of it"
    for path in own.keys() - copies.keys():
        found.setdefault(_file(path), "the hierarchy has no such group or array")
    return found


def unseal(place: Place) -> bool:
    """Put back metadata that are lost or damaged, and take the copies away before arrays change; tell of the first.

    A reader meanwhile reads the arrays' own.
    """
    if not place.has_folder(layout.ZARR):
        return False
    mended = bool(problems(place))
    root = _document(place, layout.HIERARCHY_METADATA)
    if mended:
        _put_back(place, root)
        mend(place)
    if root is None:
        return mended
    alone = {**_EMPTY_GROUP, "attributes": _attributes(root)}
    if root != alone:
        place.write(layout.HIERARCHY_METADATA, text_of(alone))
    return mended


def _put_back(place: Place, root: Document | None) -> None:
    copies, own = _copies(root) or {}, _own(place)
    known = {path: document for path, document in own.items() if document is not None}
    if _seal(root) is not None and _seal(root) == _hash(_attributes(root), known):
        return  # it is the copies that are damaged
    whole = _seal(root) == _hash(_attributes(root), copies)
    for path, copy in copies.items():
        if whole or copy == _EMPTY_GROUP or (own.get(path) is None and _is_document(copy) and _is_readable(copy)):
            if own.get(path) != copy:
                place.write(_file(path), text_of(copy))
        elif path in own and own[path] != copy:
            _give_up(place, path)


def _give_up(place: Place, path: str) -> None:
    """Drop the receipts of the job that a document belongs to, and then the document, which may be wrong.

    In this order: to whoever finds no document, another may look right, and what lies there done.
    """
    parts = path.split("/")
    for end in range(len(parts), 0, -1):
        folder = layout.receipts_of("/".join(parts[:end]))
        names = place.names(folder)
        if any(name.endswith(".json") for name in names) or (names and layout.is_shown(path)):
            place.delete_all(folder)
            break
    place.delete(_file(path))


def mend(place: Place) -> bool:
    """Make the hierarchy one that can be read, whatever happened to its metadata files; tell whether some is to do.

    Groups of groups say nothing and are written anew. The metadata of a damaged array go, with the receipts of what
    lies there; so do those receipts where it is the metadata of its group that are damaged or missing. Of what its job
    puts back the receipts stay, by which it does so.
    """
    own = _own(place)
    whole = {path for path, document in own.items() if document is not None}
    groups = _parents(own.keys())
    lost = (own.keys() | groups) - whole - _parents(_groups(own))
    for path in lost:
        if path.split("/")[0] in _PUT_BACK:
            place.delete(_file(path))
        else:
            _give_up(place, path)
    for path in groups - whole:
        place.write(_file(path), text_of(_EMPTY_GROUP))
    root = _document(place, layout.HIERARCHY_METADATA)
    if root is None or not _is_readable(root):
        place.write(layout.HIERARCHY_METADATA, text_of({**_EMPTY_GROUP, "attributes": _attributes(root)}))
    return bool(lost)


def _consolidate(place: Place, strange: Literal["error", "ignore"]) -> None:
    """Consolidate; ``strange``: what to do about a folder without metadata, which is left out with all below it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        warnings.filterwarnings(strange, message="Object at", category=ZarrUserWarning)
        zarr.consolidate_metadata(place.zarr(layout.ZARR), zarr_format=3)


def _own(place: Place) -> dict[str, Document | None]:
    """Return the document of every group and array below the hierarchy, by its path; None for one that is damaged."""
    ending = f"/{layout.METADATA}"
    files = (key for key in place.files(layout.ZARR) if key.endswith(ending) and key != layout.HIERARCHY_METADATA)
    found = {key.removeprefix(f"{layout.ZARR}/").removesuffix(ending): _document(place, key) for key in files}
    return {
        path: document if document is not None and _is_readable(document) else None for path, document in found.items()
    }


def _groups(own: dict[str, Document | None]) -> set[str]:
    """Return the paths of the groups, and of what may be one."""
    return {path for path, document in own.items() if document is None or document["node_type"] == "group"}


def _parents(paths: Iterable[str]) -> set[str]:
    """Return the paths of the groups that others lie in."""
    return {"/".join(parts[:end]) for parts in (path.split("/") for path in paths) for end in range(1, len(parts))}


def _document(place: Place, key: str) -> Document | None:
    """Return a document of metadata; None where it cannot be read, or is neither a group's nor an array's."""
    found = read_json(place, key)
    return found if _is_document(found) else None


def _is_document(found: Any) -> bool:
    try:
        group, array = found["node_type"] == "group", found["node_type"] == "array" and found["shape"] is not None
        return found["zarr_format"] == 3 and isinstance(found.get("attributes", {}), dict) and (group or array)
    except (KeyError, TypeError, AttributeError):
        return False


def _is_readable(document: Document) -> bool:
    """Tell whether Zarr opens what has this document, so that no single name in it is another."""
    return document.keys() <= _OF_A_GROUP if document["node_type"] == "group" else is_array(document)


def _copies(root: Document | None) -> dict[str, Document] | None:
    """Return the copies of all documents, each as its own file has it; None where there are none."""
    try:
        metadata = (root or {})[_COPIES]["metadata"]
        return {
            path: {name: value for name, value in document.items() if name != _COPIES}
            for path, document in metadata.items()
            if not {"", ".", ".."}.intersection(path.split("/"))  # which are no paths of groups, whoever wrote them
        }
    except (KeyError, TypeError, AttributeError):
        return None


def _attributes(root: Document | None) -> Document:
    return {name: value for name, value in (root or {}).get("attributes", {}).items() if name != SEAL}


def _seal(root: Document | None) -> Any:
    return (root or {}).get("attributes", {}).get(SEAL)


def _hash(attributes: Document, documents: dict[str, Document]) -> str:
    found = {"attributes": {name: value for name, value in attributes.items() if name != SEAL}, "metadata": documents}
    return hashlib.sha256(json.dumps(found, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _file(path: str) -> str:
    return layout.metadata(path) if path else layout.HIERARCHY_METADATA
