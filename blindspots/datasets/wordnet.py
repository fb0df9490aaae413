"""How alike two things are by WordNet's hypernyms: for classes that are known by their places in it, as ImageNet's."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from blindspots.errors import InputError

_PLACE = re.compile(r"n(\d{8})")
_HYPERNYM = ("@", "@i")
_LONGEST = 1 << 16


def wordnet_similarity(file: Path, classes: Sequence[str]) -> np.ndarray:
    """Return how alike ``classes`` are (k, k) in [0, 1]: 2 d(c) / (d(a) + d(b)), by Wu and Palmer (1994).

    d: how deep a thing stands, 1 for the root, by its shortest way up; c: the deepest that a and b both are. A thing is
    wholly like itself alone. ``classes``: ``n`` and the eight digits of a line in ``file``, which is WordNet's
    ``data.noun``.

    Raises :class:`InputError` where the file cannot be read, and for a class that is none of its lines.
    """
    content = _read(file)
    ancestors = [_ancestors(content, file.name, name) for name in classes]
    depth = [_depth(content, file.name, each) for each in map(_offset, classes)]
    found = np.eye(len(classes))
    for a in range(len(classes)):
        for b in range(a):
            common = max(_depth(content, file.name, each) for each in ancestors[a] & ancestors[b])
            found[a, b] = found[b, a] = 2 * common / (depth[a] + depth[b])
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(
            f"WordNet's file {file} cannot be read: {error.strerror or error}; name its data.noun"
        ) from None


def _offset(name: str) -> int:
    place = _PLACE.fullmatch(name)
    if place is None:
        raise InputError(f"the class {name!r} has no place in WordNet: it would be n and eight digits")
    return int(place[1])


def _ancestors(content: bytes, file: str, name: str) -> frozenset[int]:
    found, to_do = set(), [_offset(name)]
    while to_do:
        offset = to_do.pop()
        if offset not in found:
            found.add(offset)
            to_do += _hypernyms(content, file, offset)
    return frozenset(found)


@lru_cache(maxsize=100_000)
def _depth(content: bytes, file: str, offset: int) -> int:
    return 1 + min((_depth(content, file, each) for each in _hypernyms(content, file, offset)), default=0)


@lru_cache(maxsize=100_000)
def _hypernyms(content: bytes, file: str, offset: int) -> tuple[int, ...]:
    """Return the places of what the thing at ``offset`` is a kind of.

    A line holds the offset itself, the file's number, n, how many words (in hexadecimal) and these with a number each,
    how many pointers, and of each the symbol, the offset, the part of speech and a number.
    """
    fields = content[offset : offset + _LONGEST].partition(b"\n")[0].decode("ascii", "replace").split(" ")
    try:
        if int(fields[0]) != offset:
            raise ValueError
        at = 4 + 2 * int(fields[3], 16)
        pointers = [fields[at + 1 + 4 * index : at + 5 + 4 * index] for index in range(int(fields[at]))]
        return tuple(int(place) for symbol, place, kind, _ in pointers if symbol in _HYPERNYM and kind == "n")
    except (ValueError, IndexError):
        raise InputError(f"{file} has no thing at {offset:08d}: it is of another version, or no data.noun") from None
