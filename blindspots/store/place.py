"""Where a store's bytes lie: the only way by which the package reads, writes, lists, deletes and locks there.

A file is known by its *key*, its path below the root with forward slashes, such as ``receipts/models/fc10/0.json``;
:mod:`blindspots.store.layout` makes the keys. What a place promises stands here, and each kind of place keeps it in a
file of its own: :mod:`blindspots.store.places`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from blindspots.errors import InputError
from blindspots.registry import deferred

Stamp = tuple[int, int, int | str]
"""What tells one content of a file from the next: its size, when it was written, and which file it is."""

OBJECT_STORES = ("s3", "gs", "az", "memory")
"""The schemes of the addresses that a root may have; ``memory`` is for tests, and for one process."""

_READERS = 32
Item = TypeVar("Item")
Found = TypeVar("Found")

_local_place = deferred("blindspots.store.places.local:local_place")
_object_place = deferred("blindspots.store.places.objects:object_place")


class Place(ABC):
    """The files below one root. A plain value: places of the same root are equal, and can be sent to processes.

    What cannot be reached, or may not be written any more, is an :class:`~blindspots.errors.OutOfReachError`, and never
    taken for a file that is missing or damaged.
    """

    reads_ahead: ClassVar[bool] = False
    """Whether it pays to read many small files at once, before they are wanted."""

    @property
    @abstractmethod
    def root(self) -> Path | str:
        """The local folder, or the address."""

    @staticmethod
    def at(root: str | Path) -> "Place":
        """Return the place of a local folder, or of an object store's address such as ``s3://bucket/prefix``.

        Nothing is asked of either yet. Raises :class:`InputError` for what is neither.
        """
        text = str(root)
        if not text:
            raise InputError("the root is empty; name a local folder, such as blindspots-study")
        scheme, separator, _ = text.partition("://")
        if separator:
            if scheme not in OBJECT_STORES:
                known = ", ".join(f"{name}://" for name in OBJECT_STORES[:-1])
                raise InputError(f"the root {text!r} is on no object store that is known: {known}; or name a folder")
            place: Place = _object_place(text)
            return place
        if isinstance(root, Path) and re.match(f"({'|'.join(OBJECT_STORES)}):/", text):
            raise InputError(f"the root {text!r} lost a slash as a Path; give an object store's address as text")
        place = _local_place(text)
        return place

    def __str__(self) -> str:
        return str(self.root)

    def path(self, key: str) -> str:
        """Return where the file or folder ``key`` lies, as a person wants it."""
        return f"{self.root}/{key}"

    @abstractmethod
    def zarr(self, key: str) -> Any:
        """Return the folder ``key`` as Zarr and xarray want it: a path, or a store of Zarr's."""

    @contextmanager
    def written_zarr(self, key: str) -> Iterator[Any]:
        """Give what Zarr and xarray write the folder ``key`` into; in the end it holds that, and nothing of before.

        It is made in memory, and its files are written at once: array by array, a table of fifty takes a thousand
        requests, one after another.
        """
        from zarr.storage import MemoryStore

        made: dict[str, Any] = {}
        yield MemoryStore(made)
        self.delete_all(key)
        self.map(lambda name: self.write(f"{key}/{name}", made[name].to_bytes()), made)

    @abstractmethod
    def local_file(self, key: str) -> AbstractContextManager[str]:
        """Give the path of a local file with a file's content while a block runs, for libraries that open files.

        Raises ``OSError`` where it cannot be read.
        """

    @abstractmethod
    def written_file(self, key: str) -> AbstractContextManager[Path]:
        """Give the path of a local file, for libraries that write some; in the end it is the file ``key``."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """Return a file's content; raise ``OSError`` where it cannot be read."""

    def read_all(self, keys: Iterable[str]) -> Mapping[str, bytes]:
        """Return the content of many small files, by their keys; those that are gone by now are left out."""
        with ThreadPoolExecutor(_READERS) as readers:
            wanted = list(keys)
            found = readers.map(self._read_or_none, wanted)
            return {key: content for key, content in zip(wanted, found, strict=True) if content is not None}

    def _read_or_none(self, key: str) -> bytes | None:
        try:
            return self.read(key)
        except OSError:
            return None

    def map(self, function: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
        """Return what a function that asks for files says of each item, in their order.

        Where an answer takes long, as an object store's does, it is called for many at once.
        """
        return [function(item) for item in items]

    @abstractmethod
    def write(self, key: str, content: bytes) -> None:
        """Write a file so that a reader sees all of it, or what was there before, whatever dies in between."""

    def create(self, key: str, content: bytes) -> None:
        """Write a file that was deleted before. Raises ``FileExistsError`` where the place can tell that another did.

        On an object store the first of two writers wins; a local folder has the last one's.
        """
        self.write(key, content)

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete a file where it is there, with what a killed writer of it left."""

    @abstractmethod
    def delete_all(self, key: str) -> None:
        """Delete the folder ``key`` with all that is below it, where it is there."""

    @abstractmethod
    def copy(self, source: str, target: str) -> None:
        """Copy a file to where nobody looks yet; raise ``OSError`` where it cannot be read."""

    @abstractmethod
    def replace_all(self, source: str, target: str) -> None:
        """Have what the folder ``source`` holds lie where the folder ``target`` does, which is deleted first.

        ``source`` may be gone afterwards. Whoever dies in between can call this again; where ``source`` is not there,
        nothing is done.
        """

    @abstractmethod
    def size(self, key: str) -> int | None:
        """Return a file's size in bytes, or None where there is no such file."""

    @abstractmethod
    def hash(self, key: str) -> str | None:
        """Return the SHA-256 of a file's content, or None where it cannot be read."""

    @abstractmethod
    def stamp(self, key: str) -> Stamp | None:
        """Return what changes whenever the file's content does, or None where there is none: cheaper than reading."""

    @abstractmethod
    def has(self, key: str) -> bool:
        """Tell whether there is a file ``key``."""

    @abstractmethod
    def has_folder(self, key: str = "") -> bool:
        """Tell whether there is a folder ``key``; without one, whether the place itself is there."""

    def is_taken(self) -> bool:
        """Tell whether something that is no folder lies where the place is to be."""
        return False

    @abstractmethod
    def check_there(self) -> None:
        """Raise :class:`InputError` where the place cannot be had: no such bucket, or none for this user."""

    @abstractmethod
    def names(self, key: str = "") -> list[str]:
        """Return the names of the files and folders right below ``key``, sorted; none where it is not there."""

    def folders(self, key: str = "") -> list[str]:
        """Return the names of the folders right below ``key``, sorted; none where it is not there."""
        return [name for name in self.names(key) if self.has_folder(f"{key}/{name}" if key else name)]

    @abstractmethod
    def files(self, key: str = "") -> Iterator[str]:
        """Yield the keys of all files below the folder ``key``, whatever depth, a folder's own first, sorted."""

    def at_a_glance(self) -> AbstractContextManager[None]:
        """Have names, sizes and stamps be, while a block runs, as they were when it began.

        A local folder answers quickly enough to be asked each time.
        """
        return nullcontext()

    @abstractmethod
    def check_writable(self) -> None:
        """Raise :class:`InputError` where nothing can be written here."""

    @abstractmethod
    def remove_partial(self) -> int:
        """Remove what killed writers left; return how many files that were."""

    @abstractmethod
    def locked(self, key: str) -> AbstractContextManager[bool]:
        """Hold the lock ``key`` while a block runs; give whether this process held it already, around this block.

        Raises :class:`InputError` where another process holds it.
        """
