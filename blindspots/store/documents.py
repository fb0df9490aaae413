"""Zarr's documents: the metadata of groups and of arrays, as JSON, and whether Zarr opens what has them."""

import json
from functools import lru_cache
from typing import Any

import zarr
from zarr.core.metadata import ArrayV3Metadata
from zarr.storage import MemoryStore, StorePath

from blindspots.store.place import Place

Document = dict[str, Any]


def read_json(place: Place, key: str) -> Any:
    """Return what a file of JSON says; None where it cannot be read."""
    try:
        return json.loads(place.read(key))
    except (OSError, ValueError, RecursionError):
        return None


def text_of(document: Document) -> bytes:
    """Return a document as Zarr writes it."""
    return json.dumps(document, indent=2).encode()


def is_array(document: Document) -> bool:
    """Tell whether Zarr opens an array with this document, so that no single name in it is another."""
    said = {name: value for name, value in document.items() if name != "attributes"}
    return _opens(json.dumps(said, sort_keys=True))


@lru_cache(maxsize=4096)
def _opens(text: str) -> bool:
    """Tell whether Zarr opens an array: most arrays of a store share theirs with many others."""
    try:
        zarr.AsyncArray(ArrayV3Metadata.from_dict(json.loads(text)), StorePath(MemoryStore()))
    except Exception:  # Zarr and the codecs raise what they like
        return False
    return True
