"""All receipts once more in one file, where many small ones take long to read.

On an object store a plan of ten thousand shards asks for ten thousand receipts, one request each. So a run packs them
at its end, each with the stamp of its own file: whoever comes next lists the store, which takes a request for a
thousand files, and asks for those alone that were written since. A receipt's own file decides: where its stamp is
another, or the pack is damaged or gone, that file is read.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import cast

from blindspots.store import layout
from blindspots.store.place import Place, Stamp

Packed = Mapping[str, tuple[Stamp, bytes]]
"""A receipt's file and its stamp, by its key."""

_DIGEST = hashlib.sha256().digest_size


_seen: dict[Place, tuple[Stamp, Mapping[str, Stamp] | None]] = {}
"""The pack that was read last, by its own stamp, with those in it; None where it is not what was written."""


def read_pack(place: Place) -> Packed:
    """Return what is packed; nothing where there is no pack, or it is not what was written."""
    stamp = place.stamp(layout.RECEIPTS_PACK)
    if stamp is None:
        return {}
    try:
        content = place.read(layout.RECEIPTS_PACK)
    except FileNotFoundError:  # it went meanwhile
        _seen[place] = stamp, {}
        return {}
    digest, packed = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(packed).digest() != digest:
        _seen[place] = stamp, None
        return {}
    said = json.loads(zlib.decompress(packed))
    found = {key: (cast(Stamp, tuple(of)), text.encode()) for key, (of, text) in said.items()}
    _seen[place] = stamp, {key: of for key, (of, _) in found.items()}
    return found


def packed_stamps(place: Place) -> Mapping[str, Stamp] | None:
    """Return the stamps of what is packed, of no pack none; None where the pack is not what was written.

    A pack that was read before is read again only where it was written since.
    """
    stamp = place.stamp(layout.RECEIPTS_PACK)
    if stamp is None:
        return {}
    if place not in _seen or _seen[place][0] != stamp:
        read_pack(place)
    return _seen[place][1]


def write_pack(place: Place, receipts: Packed) -> None:
    """Pack receipts in the place of those that were; none are no pack."""
    if not receipts:
        place.delete(layout.RECEIPTS_PACK)
        return
    content = {key: (stamp, text.decode()) for key, (stamp, text) in sorted(receipts.items())}
    packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode())
    place.write(layout.RECEIPTS_PACK, hashlib.sha256(packed).digest() + packed)


def problems(place: Place) -> dict[str, str]:
    """Return what is wrong with the pack, by its file: where there is one that is not what was written.

    A run packs anew.
    """
    return {layout.RECEIPTS_PACK: "damaged"} if packed_stamps(place) is None else {}
