"""A folder as Zarr reads and writes it: small files where they are asked for, large ones beside.

Zarr's own store hands every file to a thread, small or not, and is told by it when that is done. For a file of a few
kilobytes, as metadata and the shards of most variables are, the handing over takes longer than the file: half of what
an array costs.
"""

import os
import stat

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

from blindspots.store.places.clearing import IN_THE_WAY, clear_the_way

_SMALL = 1 << 16
"""Bytes that are read or written in less time than a thread takes to be asked: 30 of 100 microseconds."""


class FolderStore(LocalStore):
    """Zarr's store of a local folder, whose small files are not handed to a thread."""

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return a file's content, or a part of it; None where it is not there."""
        try:
            found = os.stat(self.root / key)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(found.st_mode):  # of a pipe one would wait for ever
            return None
        small = found.st_size <= _SMALL
        if small:
            return self.get_sync(key, prototype=prototype, byte_range=byte_range)
        return await super().get(key, prototype, byte_range)

    async def set(self, key: str, value: Buffer) -> None:
        """Write a file, whole or not at all; what is in its way goes."""
        try:
            await self._write(key, value)
        except IN_THE_WAY:
            if not clear_the_way(str(self.root / key), str(self.root)):
                raise
            await self.set(key, value)

    async def _write(self, key: str, value: Buffer) -> None:
        if isinstance(value, Buffer) and len(value) <= _SMALL:
            self.set_sync(key, value)
        else:
            await super().set(key, value)

    async def delete(self, key: str) -> None:
        """Delete a file where it is there, or a folder with all that is in it."""
        self.delete_sync(key)

    async def exists(self, key: str) -> bool:
        """Tell whether there is such a file."""
        return os.path.isfile(self.root / key)
