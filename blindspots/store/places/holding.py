"""Which stores on object stores this process may write: those whose leases it holds, or whose owners gave it work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from blindspots.store import layout
from blindspots.store.places.bucket import Address, opened_bucket
from blindspots.store.places.lease import Lease, Watch, read_lease

_held: dict[Address, Lease] = {}
_taking = threading.Lock()


@contextmanager
def holding(address: Address, key: str) -> Iterator[bool]:
    """Hold the lease ``key`` of a store while a block runs; give whether this process held it already.

    Raises :class:`~blindspots.errors.InputError` where another process holds it.
    """
    with _taking:
        before = address in _held
        if not before:
            lease = Lease(opened_bucket(address.scheme, address.bucket), address.key(key), str(address))
            lease.take()
            _held[address] = lease
    if before:
        yield True
        return
    try:
        yield False
    finally:
        del _held[address]
        lease.release()


def owner_of(address: Address) -> str:
    """Return who this process is as a holder of a store's lease, or nothing where it holds none."""
    lease = _held.get(address)
    return "" if lease is None else lease.owner


def check_may_write(address: Address, owner: str) -> None:
    """Raise :class:`~blindspots.errors.LostLeaseError` where another run may have the store.

    ``owner``: whose work this process does, where it holds no lease itself; nothing is asked of who works for nobody.
    """
    lease = _held.get(address)
    if lease is not None:
        lease.check()
    elif owner:
        _watch(address, owner).check()


@cache
def _watch(address: Address, owner: str) -> Watch:
    bucket, key = opened_bucket(address.scheme, address.bucket), address.key(layout.LOCK)
    return Watch(owner, lambda: read_lease(bucket, key, str(address)), str(address))
