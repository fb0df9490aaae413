"""Tables of what can be had by name - tables, figures, stages, networks - to which anyone may add an entry.

Command line, help texts, refusals, flows, report and tests read the registries, so that one entry makes a thing known
to all of them. An installed package is asked to add its own where it offers an entry point of the group
``blindspots.extensions`` that names a module: the module is imported before a registry is first read.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, Protocol, TypeVar

from blindspots.errors import InputError

EXTENSIONS = "blindspots.extensions"
"""The entry points' group."""


class Entry(Protocol):
    """What stands in a registry."""

    @property
    def name(self) -> str:
        """The name by which it is asked for."""


E = TypeVar("E", bound=Entry)


class Registry(Mapping[str, E], Generic[E]):
    """Entries by name, in the order in which they were added."""

    def __init__(self, kind: str, *entries: E) -> None:
        """``kind``: what an entry is, in one word that stands in refusals, such as ``table``."""
        self.kind = kind
        self._entries: dict[str, E] = {entry.name: entry for entry in entries}

    def add(self, entry: E) -> E:
        """Add an entry after those that are there; raise ``ValueError`` where the name is taken by another one."""
        if self._entries.get(entry.name, entry) != entry:
            raise ValueError(f"there is a {self.kind} called {entry.name!r} already")
        self._entries[entry.name] = entry
        return entry

    def insert(self, entry: E, *, before: str) -> E:
        """Add an entry before the one called ``before``."""
        self.add(entry)
        names = [name for name in self._entries if name != entry.name]
        names.insert(names.index(before), entry.name)
        self._entries = {name: self._entries[name] for name in names}
        return entry

    def remove(self, name: str) -> None:
        """Take an entry out again, as tests do."""
        del self._entries[name]

    def find(self, name: str | int) -> E:
        """Return the entry ``name``, or raise :class:`InputError` with the names there are."""
        load_extensions()
        try:
            return self._entries[str(name)]
        except KeyError:
            *most, last = self._entries or ("none",)
            known = f"are {', '.join(most)} and {last}" if most else f"is {last}"
            raise InputError(f"there is no {self.kind} {name}; there {known}") from None

    def __getitem__(self, name: str) -> E:
        load_extensions()
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        load_extensions()
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        load_extensions()
        return len(self._entries)


@cache
def load_extensions() -> None:
    """Import what installed packages offer, once a process; raise :class:`InputError` where one cannot be imported."""
    for point in entry_points(group=EXTENSIONS):
        try:
            point.load()
        except ImportError as error:
            raise InputError(
                f"{point.value}, which an installed package offers as {EXTENSIONS}, cannot be imported ({error}); "
                "mend it, or uninstall the package"
            ) from error


def deferred(address: str) -> Callable[..., Any]:
    """Return a function that imports ``package.module:function`` when it is called, and calls it.

    Registries are read by ``--help``, which must not wait for what an entry's work needs.
    """
    where, _, what = address.partition(":")

    def call(*arguments: Any, **named: Any) -> Any:
        return getattr(import_module(where), what)(*arguments, **named)

    return call
