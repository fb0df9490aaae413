"""Copying a root to another place, folder or bucket, byte for byte: resumable, and every file read back and compared.

What says that work is done goes last: first the arrays and weights, then the receipts, then the study's own file. So a
copy that was stopped is a root in which less is done, at worst; the next call goes on with what differs.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from blindspots.errors import InputError, OutOfReachError
from blindspots.files import PARTIAL
from blindspots.store import layout
from blindspots.store.place import Place, Stamp
from blindspots.store.root import study_in

_WORKERS = 8
_ROUNDS = 3


@dataclass(frozen=True)
class Copied:
    """What a copy came to."""

    files: int
    """All files of the root."""
    written: int
    """Those that were not there yet, or were others."""
    size: int
    """Bytes of all files."""


def copy_root(source: Place, target: Place, tell: Callable[[int, int], None] = lambda done, total: None) -> Copied:
    """Copy the root ``source`` to ``target``, which is empty or holds a part of the same; return what was done.

    ``tell`` is told how many files are compared or copied, of how many. What lies in ``target`` is read, and kept where
    it is the same. Raises :class:`InputError` where ``source`` holds no study, or what cannot be read, or ``target``
    another root, or one lies in the other, or a run is at work in ``target``; and :class:`OutOfReachError` where a
    folder cannot be listed, or a file does not read back as it was written.
    """
    study_in(source)
    _check_apart(source, target)
    target.check_there()
    if target.is_taken():
        raise InputError(f"the root {target} is a file; name a folder")
    _check_target(source, target)
    target.check_writable()
    with target.locked(layout.LOCK):
        target.write(layout.COPYING, f"{source}\n".encode())
        written = 0
        for _ in range(_ROUNDS):
            before = _stamps(source)
            _check_links(source, before)
            written += _copied(source, target, list(before), tell)
            if _stamps(source) == before:
                break
        else:
            raise InputError(f"{source} changes while it is copied: a run is at work there; wait for it")
        for key in list(_own(target)):
            if key not in before:
                target.delete(key)
        target.delete(layout.COPYING)
        sizes = [stamp[0] for stamp in before.values() if stamp is not None]
        return Copied(len(sizes), written, sum(sizes))


def _check_apart(source: Place, target: Place) -> None:
    """Raise :class:`InputError` where two roots are one, or one lies in the other: a copy would be copied as well."""
    if source == target:
        raise InputError(f"{source} is both what to copy and where to; name another root to copy to")
    for inner, outer in ((source, target), (target, source)):
        if str(inner).startswith(f"{str(outer).rstrip('/')}/"):
            raise InputError(f"{inner} lies in {outer}; name a root to copy to that is apart")


def _check_target(source: Place, target: Place) -> None:
    """Raise :class:`InputError` where ``target`` holds what is neither left by a copy of ``source`` nor the same study.

    The same study may lie there otherwise, such as damaged: but nothing that ``source`` has not.
    """
    if target.has(layout.COPYING):
        came = target.read(layout.COPYING).decode(errors="replace").strip()
        if came != str(source):
            raise InputError(f"{target} is an unfinished copy of {came}; go on with that, or name another root")
        return
    there = list(_own(target))
    said = next((key for key in (layout.STUDY, layout.STUDY_COPY) if key in there), None)
    if said == layout.STUDY and not source.has(said):
        raise InputError(
            f"{source.path(said)} is missing, and {target} has one; run its study in {source} again, which writes the "
            "file anew, and then copy"
        )
    same = said is not None and source.has(said) and target.read(said) == source.read(said)
    other = next((key for key in there if not (same and source.has(key))), None)
    if other is not None:
        raise InputError(f"{target} holds {other}, which is not of {source}; name a new root to copy to")


def _own(place: Place) -> Iterator[str]:
    """Yield the files of a root that a copy has too: no lock, nothing that is not whole, nothing made beside.

    Nor the pack of receipts, which knows them by the stamps that their files have here.
    """
    for key in place.files():
        beside = key.startswith(f"{layout.BESIDE}/")
        if key not in (layout.LOCK, layout.COPYING, layout.RECEIPTS_PACK) and not beside and not key.endswith(PARTIAL):
            yield key


def _stamps(place: Place) -> dict[str, Stamp | None]:
    with place.at_a_glance():
        return {key: place.stamp(key) for key in _own(place)}


def _check_links(source: Place, stamps: dict[str, Stamp | None]) -> None:
    """Raise :class:`InputError` where something is listed that is not there, and was not deleted meanwhile."""
    missing = {key for key, stamp in stamps.items() if stamp is None}
    for key in missing and missing.intersection(_own(source)):
        raise InputError(f"{source.path(key)} is a link to what is not there; mend or delete it, and copy again")


def _copied(source: Place, target: Place, keys: Iterable[str], tell: Callable[[int, int], None]) -> int:
    """Have ``target`` hold the same files; return how many were written."""
    last = (layout.STUDY_COPY, layout.STUDY)
    receipts = f"{layout.RECEIPTS}/"
    keys = list(keys)
    parts = (
        [key for key in keys if not key.startswith(receipts) and key not in last],
        [key for key in keys if key.startswith(receipts) and key not in last],
        [key for key in last if key in keys],
    )
    done = written = 0
    with ThreadPoolExecutor(_WORKERS) as workers:
        for part in parts:
            for was_written in workers.map(lambda key: _copy(source, target, key), part):
                done, written = done + 1, written + was_written
                tell(done, len(keys))
    return written


def _copy(source: Place, target: Place, key: str) -> bool:
    """Copy a file that is not there yet; tell whether that was so. One that is gone by now is for the next look."""
    try:
        content = source.read(key)
    except FileNotFoundError:
        return False
    wanted = hashlib.sha256(content).hexdigest()
    if target.size(key) == len(content) and target.hash(key) == wanted:
        return False
    target.write(key, content)
    if target.hash(key) != wanted:
        raise OutOfReachError(f"{target.path(key)} does not read back as it was written; copy once more")
    return True
