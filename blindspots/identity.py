"""Hashes by which work and content are identified."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def identity(**parts: Any) -> str:
    """Return the SHA-256 of ``parts`` in canonical JSON: sorted keys, shortest floats, no spaces.

    Only plain values are taken (text, numbers, booleans, None, lists, mappings), so that nothing enters a hash by
    accident.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def array_hash(values: np.ndarray) -> str:
    """Return the SHA-256 of an array's dtype, shape and decoded values in C order, little-endian."""
    if values.dtype.kind in "OTU":  # text of whatever width
        return identity(shape=list(values.shape), text=[str(value) for value in values.reshape(-1)])
    values = np.ascontiguousarray(values)
    if values.dtype.byteorder == ">":
        values = values.astype(values.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{values.dtype.str}{values.shape}".encode())
    digest.update(values.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def arrays_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """Return one hash over named arrays, whatever their order."""
    return identity(**{name: array_hash(values) for name, values in arrays.items()})
