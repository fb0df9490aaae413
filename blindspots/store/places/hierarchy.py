"""Zarr's own store over obstore, below a folder of a place: what it raises and when it writes is the place's to say."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import ObjectStore

from blindspots.store.places.bucket import in_reach

if TYPE_CHECKING:
    from typing import Self


class Guarded(Protocol):
    """What a hierarchy asks of the place that it lies in."""

    @property
    def bucket(self) -> Any:
        """Return obstore's store of the bucket."""

    def whole_key(self, key: str) -> str:
        """Return the key in the bucket."""

    def check_may_write(self) -> None:
        """Raise :class:`~blindspots.errors.LostLeaseError` where another run may have the store."""


class HierarchyStore(ObjectStore[Any]):
    """The hierarchy in the folder ``folder`` of a place on an object store."""

    def __init__(self, place: Guarded, folder: str, *, read_only: bool = False) -> None:
        super().__init__(place.bucket, read_only=read_only)
        self.place, self.folder = place, folder
        self._start = f"{place.whole_key(folder)}/"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HierarchyStore) and (self.place, self.folder, self.read_only) == (
            other.place,
            other.folder,
            other.read_only,
        )

    def __hash__(self) -> int:
        return hash((self.place, self.folder))

    def __str__(self) -> str:
        return f"{self.place}/{self.folder}"

    def __getstate__(self) -> dict[str, Any]:
        return {"place": self.place, "folder": self.folder, "read_only": self.read_only}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["place"], state["folder"], read_only=state["read_only"])  # type: ignore[misc]

    def with_read_only(self, read_only: bool = False) -> "Self":
        """Return the same store, to read only or to write."""
        return type(self)(self.place, self.folder, read_only=read_only)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Return a file's content, or None where it is not there."""
        with in_reach(str(self)):
            return await super().get(self._start + key, prototype, byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of files."""
        with in_reach(str(self)):
            return await super().get_partial_values(
                prototype, [(self._start + key, byte_range) for key, byte_range in key_ranges]
            )

    async def exists(self, key: str) -> bool:
        """Tell whether a file is there."""
        with in_reach(str(self)):
            return await super().exists(self._start + key)

    async def set(self, key: str, value: Buffer) -> None:
        """Write a file."""
        await self._check_may_write()
        with in_reach(str(self)):
            await super().set(self._start + key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write a file where none is there."""
        await self._check_may_write()
        with in_reach(str(self)):
            await super().set_if_not_exists(self._start + key, value)

    async def delete(self, key: str) -> None:
        """Delete a file."""
        await self._check_may_write()
        with in_reach(str(self)):
            await super().delete(self._start + key)

    async def delete_dir(self, prefix: str) -> None:
        """Delete all files below a folder."""
        for key in [key async for key in self.list_prefix(f"{prefix.rstrip('/')}/" if prefix else "")]:
            await self.delete(key)

    async def list_prefix(self, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the files whose keys start with ``prefix``."""
        with in_reach(str(self)):
            async for key in super().list_prefix(self._start + prefix):
                yield key.removeprefix(self._start)

    async def list(self) -> AsyncGenerator[str, None]:
        """Yield all files."""
        async for key in self.list_prefix(""):
            yield key

    async def list_dir(self, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the names right below a folder."""
        with in_reach(str(self)):
            async for name in super().list_dir((self._start + prefix).rstrip("/")):
                yield name

    async def getsize(self, key: str) -> int:
        """Return a file's size."""
        with in_reach(str(self)):
            return await super().getsize(self._start + key)

    async def _check_may_write(self) -> None:
        self._check_writable()
        await asyncio.to_thread(self.place.check_may_write)
