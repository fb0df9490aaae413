import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from blindspots.identity import identity
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.receipts import (
    Receipt,
    at_a_glance,
    library_versions,
    pack_receipts,
    read_receipt,
    receipts_there,
    rewrite_receipt,
    write_receipt,
)

KEY = "receipts/sets/a/0.json"


@pytest.fixture
def place(any_place: Place) -> Place:
    return any_place


def written(place: Place) -> Receipt:
    made = {"identity": "i", "content": "c", "arrays": {"x": "h"}, "sizes": {"x": 7}}
    return write_receipt(place, KEY, **made, seconds=1.5, device="cpu")  # type: ignore[arg-type]


def test_a_receipt_comes_back(place: Place) -> None:
    found = written(place)
    assert read_receipt(place, KEY) == found
    assert found.sizes == {"x": 7}
    assert found.versions == library_versions()
    assert found.versions["torch"] == torch.__version__
    assert found.process > 0
    assert found.finished.endswith("+00:00")


def test_what_is_no_receipt_proves_nothing(place: Place) -> None:
    assert read_receipt(place, KEY) is None
    for content in (
        "",
        "{",
        "[]",
        "{}",
        '{"identity": "i"}',
        '{"identity": "i", "content": "c", "seconds": 1, "more": 2}',
    ):
        place.write(KEY, content.encode())
        assert read_receipt(place, KEY) is None


def test_a_file_is_parsed_again_only_where_it_was_written_since(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first = written(place)
    read_receipt(place, KEY)
    reads: list[str] = []
    read = type(place).read
    monkeypatch.setattr(type(place), "read", lambda self, key: reads.append(key) or read(self, key))
    assert read_receipt(place, KEY) == first
    assert reads == []
    rewrite_receipt(place, KEY, replace(first, content="d"))
    found = read_receipt(place, KEY)
    assert found is not None
    assert found.content == "d"
    assert reads == [KEY]


def test_all_receipts_are_read_at_once_where_that_pays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {key: replace(written(place), check="") for key in ("receipts/a/0.json", "receipts/b/c/1.json")}
    for key, receipt in wanted.items():
        wanted[key] = rewrite_receipt(place, key, replace(receipt, content=key))
    place.write("receipts/study.json", b"{}")
    with at_a_glance(place):
        reads: list[str] = []
        monkeypatch.setattr(type(place), "read", lambda self, key: reads.append(key))
        if place.reads_ahead:
            assert {key: read_receipt(place, key) for key in wanted} == wanted
            assert read_receipt(place, "receipts/study.json") is None
        assert reads == []


def test_of_two_workers_that_leave_the_same_receipt_the_first_has_it(place: Place) -> None:
    if isinstance(place.root, str):  # a local folder has the last one's
        first = written(place)
        assert written(place) == first
        other = {"identity": "i", "content": "d", "arrays": {"x": "g"}, "sizes": {"x": 7}}
        with pytest.raises(FileExistsError, match="another process wrote"):
            write_receipt(place, KEY, **other, seconds=1.5, device="cpu")  # type: ignore[arg-type]
        assert read_receipt(place, KEY) == first


def test_at_a_glance_a_receipt_is_as_it_was_at_the_first_look(place: Place) -> None:
    first = written(place)
    with at_a_glance(place):
        assert read_receipt(place, KEY) == first
        place.delete(KEY)
        with at_a_glance(place):
            assert read_receipt(place, KEY) == first
        assert read_receipt(place, KEY) == first
    assert read_receipt(place, KEY) is None


def test_a_receipt_of_before_there_were_sizes_is_one(place: Place) -> None:
    receipt = {"identity": "i", "content": identity(x="h"), "seconds": 1.0, "arrays": {"x": "h"}}
    place.write(KEY, json.dumps(receipt).encode())
    found = read_receipt(place, KEY)
    assert found is not None
    assert found.sizes == {}


def test_a_receipt_with_any_bit_flipped_proves_nothing(place: Place) -> None:
    found = written(place)
    whole = place.read(KEY)
    for at in range(0, len(whole), 5):
        place.write(KEY, whole[:at] + bytes([whole[at] ^ 1 << at % 7]) + whole[at + 1 :])
        assert read_receipt(place, KEY) is None, whole[at - 9 : at + 9]
    place.write(KEY, whole)
    assert read_receipt(place, KEY) == found


@pytest.mark.parametrize("content", [{"identity": 5}, {"arrays": "x"}, {"arrays": {"x": 1}}, {"sizes": {"x": "7"}}])
def test_a_receipt_of_other_types_proves_nothing(place: Place, content: dict[str, object]) -> None:
    receipt = json.loads(place.read(KEY)) if written(place) else {}
    place.write(KEY, json.dumps({**receipt, "check": "", **content}).encode())
    assert read_receipt(place, KEY) is None


def test_receipts_of_before_there_was_a_hash_are_taken_where_they_go_together(place: Place) -> None:
    receipt = {"identity": "i", "arrays": {"x": "h"}, "seconds": 1, "content": identity(x="h")}
    place.write(KEY, json.dumps(receipt).encode())
    found = read_receipt(place, KEY)
    assert found is not None
    assert found.files == {}
    place.write(KEY, json.dumps({**receipt, "content": "c"}).encode())
    assert read_receipt(place, KEY) is None


@pytest.mark.parametrize("count", [3, 120])
def test_a_receipt_that_comes_goes_or_is_another_is_seen(new_place: Callable[[], Place], count: int) -> None:
    """Of many on an object store by their names and their pack, which a run leaves."""
    place = new_place()
    keys = [layout.receipt("models/a", number) for number in range(count)]
    write = lambda key, content: write_receipt(  # noqa: E731
        place, key, identity="i", content=content, arrays={}, sizes={}, seconds=0.5, device="cpu"
    )
    for key in keys:
        write(key, "before")
    pack_receipts(place)
    place.write(layout.STUDY_COPY, b"{}")
    seen = [receipts_there(place)]
    with at_a_glance(place):
        assert receipts_there(place) == seen[0]
    place.write(layout.STUDY_COPY, b"{ }")  # which every run writes as it begins
    assert receipts_there(place) == seen[0]
    place.delete(keys[1])
    seen.append(receipts_there(place))
    write(keys[1], "after")
    pack_receipts(place)
    seen.append(receipts_there(place))
    assert len(set(seen)) == 3
