"""A store in a local folder, or one that machines share: files as the file system has them, and a lock of its own."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from blindspots.errors import InputError, OutOfReachError
from blindspots.files import PARTIAL, creation_mode, is_for_good, name_file, write_whole
from blindspots.paths import resolved
from blindspots.store import layout
from blindspots.store.place import Place, Stamp
from blindspots.store.places.clearing import IN_THE_WAY, check_file, clear_the_way
from blindspots.store.places.walking import cannot_list, files_below

_TRIES = 5
_MADE_ANEW = (layout.RECEIPTS, layout.MODELS, layout.ZARR, layout.BESIDE)
"""The folders in which nothing is but what a run makes: what is in the way there goes."""


def local_place(root: str) -> "LocalPlace":
    """Return the place of the folder ``root``."""
    return LocalPlace(resolved(root))


@dataclass(frozen=True)
class LocalPlace(Place):
    """The files below one local folder."""

    folder: Path

    @property
    def root(self) -> Path:
        """The folder."""
        return self.folder

    def zarr(self, key: str) -> Any:
        """Return a store of Zarr's."""
        from blindspots.store.places.folder_store import FolderStore  # only who opens arrays pays for Zarr

        return FolderStore(self.path(key))

    @contextmanager
    def written_zarr(self, key: str) -> Iterator[Any]:
        """Give the folder itself, emptied."""
        self.delete_all(key)
        yield self.zarr(key)

    @contextmanager
    def local_file(self, key: str) -> Iterator[str]:
        """Give the file's own path."""
        check_file(self.path(key))
        yield self.path(key)

    @contextmanager
    def written_file(self, key: str) -> Iterator[Path]:
        """Give the file's own path, in a folder that is there."""
        path = Path(self.path(key))
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path

    def read(self, key: str) -> bytes:
        """Return a file's content; raise ``OSError`` where it cannot be read."""
        path = self.path(key)
        check_file(path)
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            name_file(error, path)
            raise

    def write(self, key: str, content: bytes) -> None:
        """Write a file so that a reader sees all of it, or what was there before, whatever dies in between."""
        try:
            write_whole(Path(self.path(key)), content)
        except IN_THE_WAY:
            if not self._cleared(key):
                raise
            self.write(key, content)

    def _cleared(self, key: str) -> bool:
        """Remove one thing that is in the way of a file that a run makes; tell whether there was one."""
        top = key.partition("/")[0]
        return top in _MADE_ANEW and clear_the_way(self.path(key), self.path(top))

    def delete(self, key: str) -> None:
        """Delete a file where it is there, with what a killed writer of it left."""
        path = Path(self.path(key))
        try:
            path.unlink(missing_ok=True)
        except IN_THE_WAY:
            if not self._cleared(key):
                raise
        for partial in path.parent.glob(f"{path.name}.*{PARTIAL}"):
            partial.unlink(missing_ok=True)

    def delete_all(self, key: str) -> None:
        """Delete the folder ``key`` with all that is below it, where it is there.

        Of a link, that alone: who gave the root away may have had it lead to anything. So goes a file in its place.
        """
        for attempt in reversed(range(_TRIES)):
            try:
                path = self.path(key)
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                elif os.path.lexists(path):
                    os.unlink(path)
                return
            except OSError as error:  # a writer that is giving up still removes what it had begun, or ends it
                if attempt == 0 or error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                    raise
                time.sleep(0.05)

    def copy(self, source: str, target: str) -> None:
        """Copy a file to where nobody looks yet; raise ``OSError`` where it cannot be read."""
        path = Path(self.path(target))
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path(source), path)

    def replace_all(self, source: str, target: str) -> None:
        """Have the folder ``source`` lie where the folder ``target`` does, which is deleted first.

        Whoever dies in between can call this again: ``source`` goes last.
        """
        if self.has_folder(source):
            self.delete_all(target)
            Path(self.path(target)).parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.path(source), self.path(target))

    def size(self, key: str) -> int | None:
        """Return a file's size in bytes, or None where there is no such file."""
        try:
            found = os.stat(self.path(key))
            return found.st_size if stat.S_ISREG(found.st_mode) else None
        except (FileNotFoundError, NotADirectoryError):
            return None

    def hash(self, key: str) -> str | None:
        """Return the SHA-256 of a file's content, or None where it cannot be read."""
        try:
            check_file(self.path(key))
            with open(self.path(key), "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    def stamp(self, key: str) -> Stamp | None:
        """Return what changes whenever the file is written, or None where there is none: cheaper than reading it."""
        try:
            found = os.stat(self.path(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return (found.st_size, found.st_mtime_ns, found.st_ino) if stat.S_ISREG(found.st_mode) else None

    def has(self, key: str) -> bool:
        """Tell whether there is a file ``key``."""
        return os.path.isfile(self.path(key))

    def has_folder(self, key: str = "") -> bool:
        """Tell whether there is a folder ``key``; without one, whether the place itself is there."""
        return os.path.isdir(self.path(key))

    def is_taken(self) -> bool:
        """Tell whether something that is no folder lies where the place is to be."""
        return self.root.exists() and not self.root.is_dir()

    def check_there(self) -> None:
        """Raise :class:`InputError` where this user may not look into the folder, or its disk does not answer.

        Or a folder of the store's is a link to what is not there: what is done may lie on a disk that is not mounted.
        """
        try:
            self.names()
        except OutOfReachError as error:
            raise InputError(f"the root {error}; name one that can be read") from None
        for path in map(self.path, _MADE_ANEW):
            if os.path.islink(path) and not os.path.exists(path):
                raise InputError(f"{path} is a link to what is not there; mend or delete it")

    def names(self, key: str = "") -> list[str]:
        """Return the names of the files and folders right below ``key``, sorted; none where it is not there."""
        path = self.path(key)
        try:
            return sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise cannot_list(path, error) from None

    def files(self, key: str = "") -> Iterator[str]:
        """Yield the keys of all files below the folder ``key``, also where links lead, sorted."""
        return files_below(self.path(key), f"{key}/") if key else files_below(str(self.root))

    def make(self) -> None:
        """Make the place itself, where it is not there."""
        self.root.mkdir(parents=True, exist_ok=True)

    def check_writable(self) -> None:
        """Raise :class:`InputError` where nothing can be written here, or in the first folder above that is there."""
        there = next(path for path in (self.root, *self.root.parents) if path.exists())
        try:
            if not there.is_dir():
                raise NotADirectoryError(20, f"{there} is a file")
            with tempfile.TemporaryFile(dir=there):  # one without a name: two runs do not meet, and none is left behind
                pass
        except OSError as error:
            raise InputError(
                f"the root {self.root} cannot be written ({error.strerror or error}); name a folder of yours with "
                "--root"
            ) from None

    def remove_partial(self) -> int:
        """Remove what killed writers left; return how many files that were."""
        found = [key for key in self.files() if key.endswith(PARTIAL)]
        for key in found:
            Path(self.path(key)).unlink(missing_ok=True)
        return len(found)

    @contextmanager
    def locked(self, key: str) -> Iterator[bool]:
        """Hold the lock ``key``; yield whether this process held it already, around this block.

        Raises :class:`InputError` where another process holds it.
        """
        self.make()
        path = self.path(key)
        # of several users, with the mode that their umask gives to the other files
        lock = FileLock(path, timeout=0, mode=creation_mode(), is_singleton=True, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(f"another run is at work in {self.root}; wait for it, or name another root") from None
        except OSError as error:
            if is_for_good(error):
                raise
            raise InputError(
                f"{path} cannot be locked ({error.strerror or error}); where it is another user's, have that user "
                "delete it while no run is at work, or name another root"
            ) from None
        try:
            yield lock.lock_counter > 1
        finally:
            lock.release()
