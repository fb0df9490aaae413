"""Weights as safetensors files, known by the hash of their tensors."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from blindspots.identity import arrays_hash, identity
from blindspots.store.arrays import CorruptShardError
from blindspots.store.place import Place

CHECK = "sha256"
"""The name, among a file's metadata, of the hash of all else in it."""

_METADATA = "__metadata__"
"""What the format calls them among the tensors."""


def save_weights(place: Place, key: str, weights: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write ``weights`` and text ``metadata`` to the file ``key``, whole or not at all; the same are the same bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    place.write(key, _in_order(save(tensors, metadata=dict(metadata))))


def _in_order(content: bytes) -> bytes:
    """Return a file with what it says of itself in one order: the metadata by name, then tensors as they lie.

    The library has the metadata in an order that is another each time. What stands before the tensors is filled up with
    blanks to whole words of 8 bytes, as the format has it.
    """
    size = int.from_bytes(content[:8], "little")
    said = json.loads(content[8 : 8 + size])
    metadata = said.pop(_METADATA, {})
    ordered = dict(sorted(said.items(), key=lambda item: (item[1]["data_offsets"], item[0])))
    whole = {_METADATA: dict(sorted(metadata.items())), **ordered} if metadata else ordered
    header = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def load_weights(place: Place, key: str) -> dict[str, torch.Tensor]:
    """Return the tensors in a file; raise :class:`CorruptShardError` where it is missing or damaged.

    The tensors are copies with torch's own alignment, since that of a mapped file can change a product's last bits.
    """
    with _whole(key):
        found = {name: tensor.clone() for name, tensor in load(place.read(key)).items()}
        as_arrays(found)  # what has no array, as another's file in the place of this, has no hash either
        return found


def save_checked(place: Place, key: str, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write what is gone on from and has no receipt yet: as :func:`save_weights` does, with a hash of all of it."""
    save_weights(place, key, tensors, {**metadata, CHECK: _check(tensors, metadata)})


def load_checked(place: Place, key: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return tensors and metadata as :func:`save_checked` wrote them.

    Raises :class:`CorruptShardError` where the file is missing, damaged, or to the last bit anything else.
    """
    tensors, metadata = load_weights(place, key), read_metadata(place, key)
    if metadata.pop(CHECK, None) != _check(tensors, metadata):
        raise CorruptShardError(f"{key}: the content is not what was written")
    return tensors, metadata


def _check(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> str:
    return identity(metadata=dict(metadata), tensors=arrays_hash(as_arrays(tensors)))


def load_part(place: Place, key: str, name: str, part: tuple[int | slice, ...]) -> torch.Tensor:
    """Return a part of one tensor in a file, of which no more is read; raise :class:`CorruptShardError` as above.

    ``part``: what to take of the first axes.
    """
    with _whole(key), place.local_file(key) as path, safe_open(path, framework="pt") as file:
        found: torch.Tensor = file.get_slice(name)[part].clone()
        return found


def read_metadata(place: Place, key: str) -> dict[str, str]:
    """Return a file's text metadata; raise :class:`CorruptShardError` where it is missing or damaged."""
    with _whole(key), place.local_file(key) as path, safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


@contextmanager
def _whole(key: str) -> Iterator[None]:
    """Have what is raised for a file that is none of weights, or of kinds that are not known, say that it is damaged.

    What a lack of memory raises is not among that.
    """
    try:
        yield
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise CorruptShardError(f"{key}: {said[0]}") from None


def known_metadata(place: Place, key: str) -> dict[str, str]:
    """Return a file's text metadata; nothing where it is missing or damaged, which is for who reads it to meet."""
    try:
        return read_metadata(place, key)
    except CorruptShardError:
        return {}


def as_arrays(weights: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Return the tensors as arrays named ``weights/<name>``, for hashing."""
    return {f"weights/{name}": tensor.detach().cpu().numpy() for name, tensor in weights.items()}
