"""Receipts: the proof that a shard is done, written last and never inside the Zarr hierarchy.

A shard is done when its receipt exists, speaks of the same work (``identity``), and the files that it names are there
in the sizes that it names. Everything else is work to do. That what can be read back has the hashes that the receipt
names is for whoever reads the shard to see, by the codec's checksum, and for :mod:`blindspots.jobs.verification`.
"""

import hashlib
import json
import os
import platform
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from pydantic import ConfigDict, TypeAdapter, with_config

from blindspots.identity import identity
from blindspots.store import layout
from blindspots.store.packed_receipts import packed_stamps, read_pack, write_pack
from blindspots.store.place import Place, Stamp

_LIBRARIES = ("blindspots", "torch", "numpy", "scipy", "zarr")


@dataclass(frozen=True)
class Receipt:
    """What was done, from what, and who did it when."""

    identity: str
    """Hash of exactly what decides the content."""
    content: str
    """Hash of the decoded arrays, or of the weights' tensors."""
    seconds: float
    """Time the work took, the writing included."""
    arrays: dict[str, str] = field(default_factory=dict)
    """Hash of each array."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of each file, by the name that the job knows it by; empty in receipts of before there were any."""
    files: dict[str, str] = field(default_factory=dict)
    """Hash of the bytes of each file, by the same names; empty in receipts of before there were any."""
    versions: dict[str, str] = field(default_factory=dict)
    host: str = ""
    process: int = 0
    device: str = "cpu"
    finished: str = ""
    check: str = ""
    """Hash of all that the receipt says; empty in receipts of before there was one."""


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that can change a number.

    A library that is imported says which build it is (``2.13.0+cpu``), which its package does not always.
    """
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = str(getattr(sys.modules.get(name), "__version__", None) or version(name))
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def write_receipt(
    place: Place,
    key: str,
    *,
    identity: str,
    content: str,
    arrays: Mapping[str, str],
    sizes: Mapping[str, int],
    files: Mapping[str, str] | None = None,
    seconds: float,
    device: str,
) -> Receipt:
    """Write the receipt of finished work to the file ``key`` and return it.

    Where a place can tell that another worker left one since the old one was removed, that stands: it must be of the
    same work and content. Raises ``FileExistsError`` where it is not.
    """
    receipt = Receipt(
        identity=identity,
        content=content,
        seconds=round(seconds, 4),
        arrays=dict(arrays),
        sizes=dict(sizes),
        files=dict(files or {}),
        versions=library_versions(),
        host=socket.gethostname(),
        process=os.getpid(),
        device=device,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    receipt = _checked(receipt)
    try:
        place.create(key, _text(receipt))
    except FileExistsError:
        there = read_receipt(place, key)
        if there is None or (there.identity, there.content) != (identity, content):
            raise
        return there
    return receipt


def rewrite_receipt(place: Place, key: str, receipt: Receipt) -> Receipt:
    """Write ``receipt`` to the file ``key``, with its hash, and return it with that."""
    receipt = _checked(receipt)
    place.write(key, _text(receipt))
    return receipt


def _text(receipt: Receipt) -> bytes:
    return (json.dumps(asdict(receipt), indent=1) + "\n").encode()


def _checked(receipt: Receipt) -> Receipt:
    return replace(receipt, check=_check(receipt))


def _check(receipt: Receipt) -> str:
    said = {each.name: getattr(receipt, each.name) for each in fields(receipt)}  # asdict copies, which takes longer
    return identity(**{name: value for name, value in said.items() if name != "check"})


def _is_whole(receipt: Receipt) -> bool:
    """Tell whether a receipt says what was written; of one without a hash, whether its content is of its arrays."""
    if receipt.check:
        return receipt.check == _check(receipt)
    return receipt.content == identity(**receipt.arrays)


_FORM = TypeAdapter(with_config(ConfigDict(extra="forbid"))(Receipt))
_read: dict[tuple[Place, str], tuple[Stamp, Receipt | None]] = {}
_MOST_KEPT = 50_000
_MANY = 100
"""Receipts that a pack of them is worth a request for."""
_glance: ContextVar[dict[tuple[Place, str], Receipt | None] | None] = ContextVar("glance", default=None)


@contextmanager
def at_a_glance(place: Place) -> Iterator[None]:
    """Look at every receipt once while the block runs, as it was at the first look.

    A plan asks for the same receipts again and again - every pair for those of its sets, every table for all - and
    decides by one look at the store. Where it pays to read many small files at once, all receipts are, to begin with.
    """
    token = _glance.set({}) if _glance.get() is None else None
    try:
        with place.at_a_glance():
            if token is not None:
                _read_ahead(place)
            yield
    finally:
        if token is not None:
            _glance.reset(token)


def _read_ahead(place: Place) -> None:
    """Read those receipts that were written since they were last read, where the place does better on many at once."""
    if not place.reads_ahead:
        return
    stamps = _stamps(place)
    new = {key for key, stamp in stamps.items() if _read.get((place, key), (None,))[0] != stamp}
    packed = read_pack(place) if len(new) >= _MANY else {}
    for key in [key for key in new if key in packed and packed[key][0] == stamps[key]]:
        _keep(place, key, *packed[key])
        new.remove(key)
    for key, content in place.read_all(new).items():
        _keep(place, key, stamps[key], content)


def _stamps(place: Place) -> dict[str, Stamp]:
    found = {key: place.stamp(key) for key in place.files(layout.RECEIPTS)}
    return {key: stamp for key, stamp in found.items() if stamp is not None}


def receipts_there(place: Place) -> str:
    """Return a hash of which receipts there are: another once one of them was removed, written or written anew since.

    Of what lies where many requests take long, many receipts are told by their names and by the pack of them, which
    every run that ends leaves anew.
    """
    keys = sorted(key for key in place.files(layout.RECEIPTS) if key.endswith(".json") and key != layout.STUDY_COPY)
    if not place.reads_ahead:
        stamps: list[object] = [place.stamp(key) for key in keys]
    else:  # of which lists and single answers may tell the time otherwise
        looked_at = keys if len(keys) < _MANY else [layout.RECEIPTS_PACK]
        stamps = [stamp and (stamp[0], stamp[2]) for stamp in place.map(place.stamp, looked_at)]
    return hashlib.sha256(repr((keys, stamps)).encode()).hexdigest()


def pack_receipts(place: Place) -> None:
    """Pack the receipts, where reading them one by one takes long; nothing is done where they are packed as they are.

    For who holds the place, at the end. One that is not whole is left to its own file.
    """
    if not place.reads_ahead:
        return
    with at_a_glance(place):
        stamps = {key: stamp for key, stamp in _stamps(place).items() if key != layout.STUDY_COPY}
        if len(stamps) < _MANY:
            stamps = {}
        if packed_stamps(place) != stamps:
            found = {key: receipt for key in stamps if (receipt := read_receipt(place, key)) is not None}
            write_pack(place, {key: (stamps[key], _text(receipt)) for key, receipt in found.items()})


def forget(place: Place) -> None:
    """Have every receipt be read from its own file once more, whatever its stamp and the pack say."""
    for key in list(_read):
        if key[0] == place:
            _read.pop(key, None)  # another thread may have


def read_receipt(place: Place, key: str) -> Receipt | None:
    """Return the receipt in the file ``key``, or None where there is none or does not say what was written.

    A file that was read before is parsed again only where it was written since.
    """
    seen = _glance.get()
    if seen is None:
        return _receipt(place, key)
    if (place, key) not in seen:
        seen[place, key] = _receipt(place, key)
    return seen[place, key]


def _receipt(place: Place, key: str) -> Receipt | None:
    stamp = place.stamp(key)
    if stamp is None:
        return None
    known = _read.get((place, key))
    if known is not None and known[0] == stamp:
        return known[1]
    try:
        content = place.read(key)
    except OSError:
        content = b""
    return _keep(place, key, stamp, content)


def _keep(place: Place, key: str, stamp: Stamp | None, content: bytes) -> Receipt | None:
    """Return the receipt that a file says, and remember it for as long as the file has this stamp."""
    try:
        found = _FORM.validate_json(content, strict=True)
        receipt = found if _is_whole(found) else None
    except (ValueError, TypeError):
        receipt = None
    if stamp is not None:
        if len(_read) >= _MOST_KEPT:
            _read.clear()
        _read[place, key] = stamp, receipt
    return receipt
