"""Files of a store as paths, wherever it lies, so that tests damage them in the same words."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch

from blindspots.store.place import Place


@dataclass(frozen=True, order=True)
class PlacePath:
    """What lies at ``key`` of a place."""

    place: Place
    key: str

    def __truediv__(self, name: str) -> "PlacePath":
        return PlacePath(self.place, f"{self.key}/{name}".strip("/"))

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> "PlacePath":
        return PlacePath(self.place, self.key.rpartition("/")[0])

    def exists(self) -> bool:
        return self.place.has(self.key) or self.place.has_folder(self.key)

    def read_bytes(self) -> bytes:
        return self.place.read(self.key)

    def read_text(self) -> str:
        return self.read_bytes().decode()

    def write_bytes(self, content: bytes) -> None:
        self.place.write(self.key, bytes(content))

    def write_text(self, content: str) -> None:
        self.write_bytes(content.encode())

    def unlink(self) -> None:
        self.read_bytes()  # which raises where it is not there
        self.place.delete(self.key)

    def rglob(self, pattern: str) -> Iterator["PlacePath"]:
        """Yield the files below, no folders."""
        for key in list(self.place.files(self.key)):
            if fnmatch(key.rpartition("/")[2], pattern):
                yield PlacePath(self.place, key)
