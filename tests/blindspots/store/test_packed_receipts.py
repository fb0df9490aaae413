"""The pack of receipts: what is read of it, what is not, and what becomes of it when it is damaged."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from blindspots.store import layout, receipts
from blindspots.store.packed_receipts import problems, read_pack, write_pack
from blindspots.store.place import Place
from blindspots.store.receipts import Receipt, at_a_glance, forget, pack_receipts, read_receipt, rewrite_receipt

KEYS = [f"receipts/sets/a/{shard}.json" for shard in range(5)]


@pytest.fixture
def place(any_place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A place of either kind with five receipts, where three are many."""
    monkeypatch.setattr(receipts, "_MANY", 3)
    monkeypatch.setattr(type(any_place), "reads_ahead", True)
    for key in KEYS:
        receipt(any_place, key, key)
    yield any_place
    forget(any_place)


def receipt(place: Place, key: str, content: str) -> Receipt:
    return rewrite_receipt(place, key, Receipt(identity="i", content=content, seconds=0.0, arrays={}))


def contents(place: Place) -> list[str | None]:
    """What the receipts say, read by somebody who knows none of them yet."""
    forget(place)
    with at_a_glance(place):
        return [found.content if (found := read_receipt(place, key)) else None for key in KEYS]


def reads(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read from now on."""
    found: list[str] = []
    read = type(place).read
    monkeypatch.setattr(type(place), "read", lambda self, key: found.append(key) or read(self, key))
    return found


def test_one_file_is_read_in_the_place_of_many(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    pack_receipts(place)
    read = reads(place, monkeypatch)
    assert contents(place) == KEYS
    assert read == [layout.RECEIPTS_PACK]


def test_what_was_written_since_is_read_from_its_own_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    pack_receipts(place)
    receipt(place, KEYS[1], "another")
    place.delete(KEYS[2])
    place.write(KEYS[3], b"damaged")
    read = reads(place, monkeypatch)
    assert contents(place) == [KEYS[0], "another", None, None, KEYS[4]]
    assert sorted(read) == [layout.RECEIPTS_PACK, KEYS[1], KEYS[3]]


def test_it_is_packed_anew_where_something_changed_and_not_else(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    pack_receipts(place)
    stamp = place.stamp(layout.RECEIPTS_PACK)
    pack_receipts(place)
    assert place.stamp(layout.RECEIPTS_PACK) == stamp
    receipt(place, KEYS[1], "another")
    pack_receipts(place)
    assert contents(place)[1] == "another"
    assert {key: found[0] for key, found in read_pack(place).items()} == {key: place.stamp(key) for key in KEYS}
    for key in KEYS[:3]:
        place.delete(key)
    pack_receipts(place)
    assert not place.has(layout.RECEIPTS_PACK)


@pytest.mark.parametrize("at", [0, 40, -1])
def test_a_damaged_pack_is_told_passed_over_and_packed_anew(place: Place, at: int) -> None:
    pack_receipts(place)
    assert not problems(place)
    content = bytearray(place.read(layout.RECEIPTS_PACK))
    content[at] ^= 1
    place.write(layout.RECEIPTS_PACK, bytes(content))
    assert problems(place) == {layout.RECEIPTS_PACK: "damaged"}
    assert contents(place) == KEYS
    assert problems(place) == {layout.RECEIPTS_PACK: "damaged"}
    pack_receipts(place)
    assert not problems(place)
    assert len(read_pack(place)) == len(KEYS)


def test_half_a_pack_and_none_hold_nothing(place: Place) -> None:
    assert read_pack(place) == {}
    assert not problems(place)
    for content in (b"", b"x" * 20):
        place.write(layout.RECEIPTS_PACK, content)
        assert read_pack(place) == {}
        assert problems(place)


def test_a_receipt_in_it_that_does_not_say_what_was_written_proves_nothing(place: Place) -> None:
    """As none in a file of its own would."""
    pack_receipts(place)
    packed = dict(read_pack(place))
    stamp, content = packed[KEYS[0]]
    write_pack(place, {**packed, KEYS[0]: (stamp, content.replace(b'"identity": "i"', b'"identity": "j"'))})
    assert contents(place) == [None, *KEYS[1:]]


def test_a_folder_has_none(any_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "_MANY", 1)
    receipt(any_place, KEYS[0], "c")
    pack_receipts(any_place)
    assert any_place.has(layout.RECEIPTS_PACK) == any_place.reads_ahead


def test_a_receipt_is_packed_as_it_lies(place: Place) -> None:
    pack_receipts(place)
    assert {key: content for key, (_, content) in read_pack(place).items()} == {key: place.read(key) for key in KEYS}
    found = read_receipt(place, KEYS[0])
    assert found is not None
    assert replace(found, check="") == Receipt(identity="i", content=KEYS[0], seconds=0.0)
