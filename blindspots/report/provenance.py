"""Where a store's content comes from: versions, times and devices, out of the receipts."""

from collections import Counter
from dataclasses import dataclass

from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.receipts import read_receipt


@dataclass(frozen=True)
class Provenance:
    """What the receipts of a store say together."""

    shards: int
    first: str
    """When the first shard was finished, such as ``2025-11-23 18:11 UTC``; empty where there is none."""
    last: str
    seconds: float
    """Time that all shards took together."""
    versions: dict[str, tuple[str, ...]]
    """Versions of every library; more than one where shards were made by different ones."""
    devices: tuple[str, ...]


def provenance(place: Place) -> Provenance:
    """Return what the receipts of a store say; those that cannot be read are left out."""
    found = [read_receipt(place, key) for key in place.files(layout.RECEIPTS)]
    receipts = [receipt for receipt in found if receipt is not None]
    times = sorted(receipt.finished for receipt in receipts if receipt.finished)
    versions: dict[str, Counter[str]] = {}
    for receipt in receipts:
        for library, version in receipt.versions.items():
            versions.setdefault(library, Counter())[version] += 1
    return Provenance(
        shards=len(receipts),
        first=_minute(times[0]) if times else "",
        last=_minute(times[-1]) if times else "",
        seconds=sum(receipt.seconds for receipt in receipts),
        versions={library: tuple(sorted(counts)) for library, counts in versions.items()},
        devices=tuple(sorted({receipt.device for receipt in receipts})),
    )


def _minute(time: str) -> str:
    """Return ``2025-11-23T18:11:52+00:00`` as ``2025-11-23 18:11 UTC``."""
    return f"{time[:10]} {time[11:16]} UTC"
