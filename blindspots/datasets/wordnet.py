"""How alike two things are by WordNet's hypernyms: for classes that are known by their places in it, as ImageNet's."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from blindspots.errors import InputError

_PLACE = re.compile(r"n(\d{8})")
_HYPERNYM = ("@", "@i")
_LONGEST = 1 << 16

BRANCHES: Mapping[str, tuple[str, ...]] = {
    "dog": ("n02084071",),
    "mammal": ("n01861778",),
    "bird": ("n01503061",),
    "reptile": ("n01661091",),
    "amphibian": ("n01627424",),
    "fish": ("n02512053",),
    "invertebrate": ("n01905661",),
    "vehicle": ("n04524313", "n03100490"),  # conveyance
    "musical instrument": ("n03800933",),
    "device": ("n03183080", "n02729837"),  # appliance
    "implement": ("n03563967",),
    "equipment": ("n03294048",),
    "container": ("n03094503",),
    "furnishing": ("n03405265",),
    "clothing": ("n03051540", "n03122748"),  # covering
    "structure": ("n04341686",),
    "food": ("n00021265", "n07555863"),  # food as a substance, and as a solid
    "plant": ("n00017222", "n13086908", "n12992868"),  # part of one, fungus
    "geological formation": ("n09287968",),
    "person": ("n00007846",),
}
"""Branches of WordNet 3.0 as people would name them, by the things that they hang from: a choice, made before any unit
was looked at by it. They hold 974 of ImageNet's thousand classes, dogs (118) and devices (114) the most."""


def wordnet_similarity(file: Path, classes: Sequence[str]) -> np.ndarray:
    """Return how alike ``classes`` are (k, k) in [0, 1]: 2 d(c) / (d(a) + d(b)), by Wu and Palmer (1994).

    d: how deep a thing stands, 1 for the root, by its shortest way up; c: the deepest that a and b both are, 0 where
    there is none. A thing is wholly like itself alone. ``classes``: ``n`` and the eight digits of a line in ``file``,
    which is WordNet's ``data.noun``.

    Raises :class:`InputError` where the file cannot be read, and for a class that is none of its lines.
    """
    nouns = _nouns(file)
    ancestors = [nouns.ancestors(_offset(name)) for name in classes]
    depth = [nouns.depth(_offset(name)) for name in classes]
    found = np.eye(len(classes))
    for a in range(len(classes)):
        for b in range(a):
            common = max(map(nouns.depth, ancestors[a] & ancestors[b]), default=0)
            found[a, b] = found[b, a] = 2 * common / (depth[a] + depth[b])
    return found


def same_branch(file: Path, classes: Sequence[str], branches: Mapping[str, tuple[str, ...]] = BRANCHES) -> np.ndarray:
    """Return which of ``classes`` lie in the same of the ``branches`` (k, k): 1 where two do, or are one, else 0.

    A class lies in the branch that is the fewest steps above it, in the first of these where there are several: a dog
    is among the dogs and not among the mammals. One that has none above it is alone. ``classes`` and ``file``: as of
    :func:`wordnet_similarity`, which raises as this does.
    """
    nouns = _nouns(file)
    of = [{_offset(place) for place in places} for places in branches.values()]
    number = np.array([_branch(nouns, _offset(name), of) for name in classes])
    return np.where(number >= 0, number[:, None] == number, np.eye(len(classes), dtype=bool)).astype(np.float64)


def _branch(nouns: "_Nouns", offset: int, branches: Sequence[set[int]]) -> int:
    """Return the number of the nearest branch above, going up step by step; -1 where there is none."""
    level, seen = {offset}, set[int]()
    while level:
        for number, places in enumerate(branches):
            if places & level:
                return number
        seen |= level
        level = {above for each in level for above in nouns.hypernyms(each)} - seen
    return -1


def check_known(file: Path, classes: Sequence[str]) -> None:
    """Raise :class:`InputError` unless ``file`` is a ``data.noun`` that has all of the ``classes``."""
    nouns = _nouns(file)
    for name in classes:
        nouns.hypernyms(_offset(name))


def _offset(name: str) -> int:
    place = _PLACE.fullmatch(name)
    if place is None:
        raise InputError(f"the class {name!r} has no place in WordNet: it would be n and eight digits")
    return int(place[1])


class _Nouns:
    """The lines of a ``data.noun``, each read once."""

    def __init__(self, name: str, content: bytes) -> None:
        self._name, self._content = name, content
        self._hypernyms: dict[int, tuple[int, ...]] = {}
        self._depths: dict[int, int] = {}

    def hypernyms(self, offset: int) -> tuple[int, ...]:
        """Return the places of what the thing at ``offset`` is a kind of.

        A line holds the offset itself, the file's number, n, how many words (in hexadecimal) and these with a number
        each, how many pointers, and of each the symbol, the offset, the part of speech and a number.
        """
        if offset in self._hypernyms:
            return self._hypernyms[offset]
        line = self._content[offset : offset + _LONGEST].partition(b"\n")[0]
        fields = line.decode("ascii", "replace").split(" ")
        try:
            if int(fields[0]) != offset:
                raise ValueError
            at = 4 + 2 * int(fields[3], 16)
            pointers = [fields[at + 1 + 4 * index : at + 5 + 4 * index] for index in range(int(fields[at]))]
            found = tuple(int(place) for symbol, place, kind, _ in pointers if symbol in _HYPERNYM and kind == "n")
        except (ValueError, IndexError):
            raise InputError(
                f"{self._name} has no thing at {offset:08d}: it is of another version, or no data.noun"
            ) from None
        self._hypernyms[offset] = found
        return found

    def ancestors(self, offset: int) -> frozenset[int]:
        """Return all that the thing is, itself among them."""
        found, to_do = set[int](), [offset]
        while to_do:
            next_one = to_do.pop()
            if next_one not in found:
                found.add(next_one)
                to_do += self.hypernyms(next_one)
        return frozenset(found)

    def depth(self, offset: int) -> int:
        """Return how many things stand on the shortest way up, the thing itself among them."""
        if offset not in self._depths:
            self._depths[offset] = 1 + min(map(self.depth, self.hypernyms(offset)), default=0)
        return self._depths[offset]


def _nouns(file: Path) -> _Nouns:
    try:
        stat = file.stat()
        return _read(file, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise InputError(
            f"WordNet's file {file} cannot be read: {error.strerror or error}; name its data.noun"
        ) from None


@lru_cache(maxsize=1)
def _read(file: Path, size: int, modified: int) -> _Nouns:
    return _Nouns(file.name, file.read_bytes())
