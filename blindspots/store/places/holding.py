"""Which stores on object stores this process may write: those whose leases it holds, or whose owners gave it work."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from blindspots.store import layout
from blindspots.store.places.bucket import Address, opened_bucket
from blindspots.store.places.lease import Lease, Watch, read_lease

_held: dict[Address, Lease] = {}
_holders: Counter[Address] = Counter()
"""How many blocks hold a lease of this process: it is given back by whichever ends last."""
_lost: dict[Address, Lease] = {}
"""Leases that were lost while they were held, until they are taken anew: what was begun under one may yet go on."""
_taking = threading.Lock()
_changing = threading.Lock()


@contextmanager
def holding(address: Address, key: str) -> Iterator[bool]:
    """Hold the lease ``key`` of a store while a block runs; give whether this process held it already.

    Raises :class:`~blindspots.errors.InputError` where another process holds it.
    """
    with _taking:
        before = _enter(address)
        if not before:
            lease = Lease(opened_bucket(address.scheme, address.bucket), address.key(key), str(address))
            lease.take()
            _enter(address, lease)
    try:
        yield before
    finally:
        _leave(address)


def _enter(address: Address, lease: Lease | None = None) -> bool:
    """Count one more that holds the lease of a store, ``lease`` where it was just taken; tell whether there is one."""
    with _changing:
        if lease is not None:
            _held[address] = lease
            _lost.pop(address, None)
        if address in _held:
            _holders[address] += 1
        return address in _held


def _leave(address: Address) -> None:
    """Count one less, and give the lease back where that was the last."""
    with _changing:
        _holders[address] -= 1
        if _holders[address]:
            return
        lease = _held.pop(address)
        if lease.is_lost:
            _lost[address] = lease
    lease.release()


def owner_of(address: Address) -> str:
    """Return who this process is, or was, as a holder of a store's lease, or nothing where it never held one.

    Of one that was given back there is nothing to say either.
    """
    lease = _held.get(address) or _lost.get(address)
    return "" if lease is None else lease.owner


def check_may_write(address: Address, owner: str) -> None:
    """Raise :class:`~blindspots.errors.LostLeaseError` where another run may have the store.

    ``owner``: whose work this process does, where it holds no lease itself; nothing is asked of who works for nobody,
    unless this process lost the store's lease.
    """
    lease = _held.get(address)
    if lease is None and not owner:
        lease = _lost.get(address)
    if lease is not None:
        lease.check()
    elif owner:
        _watch(address, owner).check()


@cache
def _watch(address: Address, owner: str) -> Watch:
    bucket, key = opened_bucket(address.scheme, address.bucket), address.key(layout.LOCK)
    return Watch(owner, lambda: read_lease(bucket, key, str(address)), str(address))
