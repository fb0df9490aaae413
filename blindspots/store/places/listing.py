"""What an object store says lies below a prefix, as the folders that its keys spell."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Meta = Mapping[str, Any]
"""What obstore says of an object: ``size``, ``last_modified``, ``e_tag``."""


_PAGE = 1000
"""Of how many objects a server tells at once."""
_LISTERS = 16
_LEVELS = 9
"""How far down folders are told apart: a variable's chunks lie that deep."""
_MOST = 64
"""Folders in one, beyond which that is listed whole: each chunk of an image has some of its own."""


def list_all(bucket: Any, prefix: str) -> list[Meta]:
    """Return what obstore says of every object below a prefix.

    A server gives page after page, each with where the next one begins. Where there is more than one, the folders below
    are listed beside each other, as soon as there are enough of them.
    """
    import obstore

    pages = obstore.list(bucket, prefix or None, chunk_size=_PAGE)
    first = next(iter(pages), [])
    if len(first) < _PAGE:
        return [*first, *(each for page in pages for each in page)]
    found: list[Meta] = []
    folders, whole = [prefix], []
    with ThreadPoolExecutor(_LISTERS) as listers:
        for _ in range(_LEVELS):
            if len(folders) >= _LISTERS:
                break
            below = listers.map(lambda folder: obstore.list_with_delimiter(bucket, folder or None), folders)
            parts, folders = list(zip(folders, below, strict=True)), []
            for folder, part in parts:
                if len(part["common_prefixes"]) > _MOST:
                    whole.append(folder)
                else:
                    found += part["objects"]
                    folders += part["common_prefixes"]
        every = [*whole, *folders]
        for each in listers.map(lambda folder: obstore.list(bucket, folder or None, chunk_size=_PAGE).collect(), every):
            found += each
    return found


class Listing:
    """The files that were there at one moment, by their keys, and the folders that they lie in."""

    def __init__(self, found: Iterable[tuple[str, Meta]]) -> None:
        """``found``: each file's key and what is said of it."""
        self.files = dict(found)
        self._folders: dict[str, tuple[list[str], dict[str, None]]] = {"": ([], {})}
        for key in self.files:
            folder, _, name = key.rpartition("/")
            self._folder(folder)[0].append(name)

    def _folder(self, key: str) -> tuple[list[str], dict[str, None]]:
        if key not in self._folders:
            self._folders[key] = ([], {})
            above, _, name = key.rpartition("/")
            self._folder(above)[1][name] = None
        return self._folders[key]

    def has_folder(self, key: str) -> bool:
        """Tell whether something lies below ``key``."""
        return bool(self.files) if key == "" else key in self._folders

    def names(self, key: str) -> list[str]:
        """Return the names of the files and folders right below ``key``, sorted."""
        files, folders = self._folders.get(key, ([], {}))
        return sorted({*files, *folders})

    def below(self, key: str) -> Iterator[str]:
        """Yield the keys of all files below the folder ``key``, a folder's own before those of its folders, sorted."""
        files, folders = self._folders.get(key, ([], {}))
        start = f"{key}/" if key else ""
        for name in sorted(files):
            yield start + name
        for name in sorted(folders):
            yield from self.below(start + name)
