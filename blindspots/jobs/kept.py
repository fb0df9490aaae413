"""What a process keeps of what it has read or made, so that the next job finds it: the latest, as far as it fits."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class _Entry(Generic[Value]):
    value: Value
    size: int
    group: Hashable


class Kept(Generic[Value]):
    """Values by their keys, of ``most`` bytes together, or a single one that is larger.

    A key has to name all that decides its value. What has not been asked for the longest goes first, but nothing goes
    for another value of its own group: jobs go through a group from its beginning to its end, again and again, and of
    one that is larger than what fits they would find nothing at all, where so they find what fits.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._entries: OrderedDict[Hashable, _Entry[Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, key: Hashable, make: Callable[[], Value], *, size: Callable[[Value], int], group: Hashable = None
    ) -> Value:
        """Return the value of ``key``, which is what ``make`` returned, now or before; ``size``: its bytes."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
                return found.value
        value = make()
        with self._lock:
            self._keep(key, _Entry(value, size(value), group))
        return value

    def _keep(self, key: Hashable, entry: _Entry[Value]) -> None:
        """Keep a value if there is room beside those of its group, or if it is the only one of it."""
        self._drop(key)
        others = [old for old, each in self._entries.items() if each.group != entry.group]
        alone = len(others) == len(self._entries)
        if (
            not alone
            and entry.size + sum(self._entries[old].size for old in self._entries.keys() - others) > self._most
        ):
            return
        while others and self._size + entry.size > self._most:
            self._drop(others.pop(0))
        self._entries[key] = entry
        self._size += entry.size

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        self._size -= 0 if entry is None else entry.size
