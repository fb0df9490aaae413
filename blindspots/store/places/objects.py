"""A store on an object store: files are objects, folders are what their keys spell, and a lease stands for the lock."""

import hashlib
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from blindspots.errors import InputError, OutOfReachError
from blindspots.files import PARTIAL
from blindspots.store.place import Found, Item, Place, Stamp
from blindspots.store.places.bucket import Address, in_reach, opened_bucket, parsed_address, refusal
from blindspots.store.places.hierarchy import HierarchyStore
from blindspots.store.places.holding import check_may_write, holding, owner_of
from blindspots.store.places.listing import Listing, Meta, list_all

_CHUNK_BYTES = 8 * 1024 * 1024
_AT_ONCE = 16
_TRIES = 5

_glance: ContextVar[dict[Address, Listing] | None] = ContextVar("listings", default=None)


def object_place(root: str) -> "ObjectPlace":
    """Return the place at an address; raise :class:`InputError` where it is none, or obstore is not there."""
    address = parsed_address(root)
    opened_bucket(address.scheme, address.bucket)
    return ObjectPlace(address)


@dataclass(frozen=True)
class ObjectPlace(Place):
    """The objects below one prefix of a bucket."""

    address: Address
    owner: str = field(default="", compare=False)
    """Who holds the lease under which this process, a worker, writes; empty in a process that takes its own."""
    reads_ahead: ClassVar[bool] = True

    @property
    def root(self) -> str:
        """The address."""
        return str(self.address)

    @property
    def bucket(self) -> Any:
        """Obstore's store of the bucket."""
        return opened_bucket(self.address.scheme, self.address.bucket)

    def whole_key(self, key: str) -> str:
        """Return the key in the bucket."""
        return self.address.key(key)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.address.scheme == "memory":
            raise InputError(f"{self} is in this process alone, and no worker sees it; name a bucket or a folder")
        return ObjectPlace, (self.address, owner_of(self.address) or self.owner)

    def check_may_write(self) -> None:
        """Raise :class:`~blindspots.errors.LostLeaseError` where another run may have the store."""
        check_may_write(self.address, self.owner)

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        """Check that this process may write, and give the bucket to do so."""
        self.check_may_write()
        with self._asking() as bucket:
            yield bucket

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        with in_reach(self.root):
            yield self.bucket

    def zarr(self, key: str) -> HierarchyStore:
        """Return Zarr's store of the folder."""
        return HierarchyStore(self, key)

    @contextmanager
    def local_file(self, key: str) -> Iterator[str]:
        """Give the path of a temporary copy."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.read(key))
            file.flush()
            yield file.name

    @contextmanager
    def written_file(self, key: str) -> Iterator[Path]:
        """Give a path in a temporary folder; what lies there in the end is written."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / key.rpartition("/")[2]
            yield path
            self.write(key, path.read_bytes())

    def read(self, key: str) -> bytes:
        """Return an object's content; raise ``FileNotFoundError`` where there is none."""
        import obstore

        with self._asking() as bucket:
            return bytes(obstore.get(bucket, self.whole_key(key)).bytes())

    def write(self, key: str, content: bytes) -> None:
        """Write an object, and see that it is the one that is there."""
        self._put(key, content, "overwrite")

    def create(self, key: str, content: bytes) -> None:
        """Write an object where there is none; raise ``FileExistsError`` where there is another."""
        from obstore.exceptions import AlreadyExistsError

        try:
            self._put(key, content, "create")
        except AlreadyExistsError:  # which may be this one, written by a request whose answer was lost
            if self.read(key) != content:
                raise FileExistsError(f"another process wrote {self.path(key)} first") from None

    def map(self, function: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
        """Return what a function says of each item, called for many at once; of what is in memory one by one."""
        if self.address.scheme == "memory" or self._seen() is not None:
            return super().map(function, items)
        with ThreadPoolExecutor(_AT_ONCE) as askers:
            calls = [askers.submit(copy_context().run, function, item) for item in items]
            return [call.result() for call in calls]

    def _put(self, key: str, content: bytes, mode: Literal["create", "overwrite"]) -> None:
        import obstore

        whole = self.whole_key(key)
        try:
            with self._writing() as bucket:
                written = obstore.put(bucket, whole, content, mode=mode)
                found = obstore.head(bucket, whole)
        except FileNotFoundError:
            raise OutOfReachError(f"{self.path(key)} is not there right after it was written") from None
        if found["size"] != len(content) or (written["e_tag"] and found["e_tag"] != written["e_tag"]):
            raise OutOfReachError(f"{self.path(key)} is another object right after it was written")

    def delete(self, key: str) -> None:
        """Delete an object where it is there."""
        import obstore

        with self._writing() as bucket, suppress(FileNotFoundError):
            obstore.delete(bucket, self.whole_key(key))

    def delete_all(self, key: str) -> None:
        """Delete all objects below ``key``."""
        import obstore

        for _ in range(_TRIES):
            found = [self.whole_key(each) for each in self._list(key).files]
            if not found:
                return
            with self._writing() as bucket, suppress(FileNotFoundError):  # another deletes there as well
                obstore.delete(bucket, found)
                return

    def copy(self, source: str, target: str) -> None:
        """Have the object store copy an object."""
        import obstore

        with self._writing() as bucket:
            obstore.copy(bucket, self.whole_key(source), self.whole_key(target))

    def replace_all(self, source: str, target: str) -> None:
        """Copy what lies below ``source`` to where what lay below ``target`` is deleted; ``source`` stays."""
        found = list(self._list(source).files)
        if found:
            self.delete_all(target)
            with ThreadPoolExecutor(_AT_ONCE) as copiers:
                list(copiers.map(lambda key: self.copy(key, target + key.removeprefix(source)), found))

    def _list(self, key: str = "") -> Listing:
        """Return what lies below ``key``, asked for anew."""
        start = self.whole_key("")
        with self._asking() as bucket:
            found = list_all(bucket, self.whole_key(key))
        return Listing((each["path"].removeprefix(f"{start}/" if start else ""), each) for each in found)

    @contextmanager
    def at_a_glance(self) -> Iterator[None]:
        """List all objects once, and answer from that."""
        seen = _glance.get()
        if seen is not None and self.address in seen:
            yield
            return
        token = _glance.set({**(seen or {}), self.address: self._list()})
        try:
            yield
        finally:
            _glance.reset(token)

    def _seen(self) -> Listing | None:
        return (_glance.get() or {}).get(self.address)

    def _meta(self, key: str) -> Meta | None:
        import obstore

        seen = self._seen()
        if seen is not None:
            return seen.files.get(key)
        try:
            with self._asking() as bucket:
                found: Meta = obstore.head(bucket, self.whole_key(key))
                return found
        except FileNotFoundError:
            return None

    def size(self, key: str) -> int | None:
        """Return an object's size, or None where there is none."""
        found = self._meta(key)
        return None if found is None else int(found["size"])

    def hash(self, key: str) -> str | None:
        """Return the SHA-256 of an object's content, or None where there is none."""
        import obstore

        digest = hashlib.sha256()
        try:
            with self._asking() as bucket:
                for part in obstore.get(bucket, self.whole_key(key)).stream(min_chunk_size=_CHUNK_BYTES):
                    digest.update(part)
        except FileNotFoundError:
            return None
        return digest.hexdigest()

    def stamp(self, key: str) -> Stamp | None:
        """Return size, time and tag, of which one changes with the content; None where there is no object."""
        if (found := self._meta(key)) is None:
            return None
        tag = str(found["e_tag"]).strip('"')  # Azure's listings have it without; the time is in microseconds
        return int(found["size"]), int(found["last_modified"].timestamp() * 1e6), tag

    def has(self, key: str) -> bool:
        """Tell whether there is an object."""
        return self._meta(key) is not None

    def has_folder(self, key: str = "") -> bool:
        """Tell whether anything lies below ``key``."""
        import obstore

        seen = self._seen()
        if seen is not None:
            return seen.has_folder(key)
        with self._asking() as bucket:
            return any(obstore.list(bucket, self.whole_key(key) or None, chunk_size=1))

    def check_there(self) -> None:
        """Raise :class:`InputError` where there is no such bucket, or it may not be read with these credentials."""
        try:
            self.has_folder()
        except OutOfReachError as error:
            raise InputError(refusal(self.address, str(error))) from None

    def names(self, key: str = "") -> list[str]:
        """Return the names right below ``key``, sorted."""
        if (seen := self._seen()) is not None:
            return seen.names(key)
        found = self._right_below(key)
        paths = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return sorted({path.rpartition("/")[2] for path in paths})

    def folders(self, key: str = "") -> list[str]:
        """Return the names of the folders right below ``key``, sorted, of one answer."""
        if self._seen() is not None:
            return super().folders(key)
        return sorted(path.rpartition("/")[2] for path in self._right_below(key)["common_prefixes"])

    def _right_below(self, key: str) -> Any:
        import obstore

        with self._asking() as bucket:
            return obstore.list_with_delimiter(bucket, self.whole_key(key) or None)

    def files(self, key: str = "") -> Iterator[str]:
        """Yield the keys of all objects below ``key``, in the order of a folder's files."""
        return (self._seen() or self._list(key)).below(key)

    def check_writable(self) -> None:
        """Raise :class:`InputError` where no object can be written and deleted here."""
        probe = f"probe-{uuid.uuid4().hex}{PARTIAL}"
        try:
            self.write(probe, b"")
            self.delete(probe)
        except OutOfReachError as error:
            raise InputError(refusal(self.address, str(error), "written")) from None

    def remove_partial(self) -> int:
        """Remove probes of killed runs: nothing else is ever there in part."""
        found = [name for name in self.names() if name.endswith(PARTIAL)]
        for name in found:
            self.delete(name)
        return len(found)

    def locked(self, key: str) -> AbstractContextManager[bool]:
        """Hold the lease ``key`` while a block runs; give whether this process held it already."""
        return holding(self.address, key)
