import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from blindspots.identity import identity
from blindspots.store.place import Place
from blindspots.store.receipts import (
    Receipt,
    at_a_glance,
    library_versions,
    read_receipt,
    rewrite_receipt,
    write_receipt,
)

KEY = "receipts/sets/a/0.json"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


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
    monkeypatch.setattr(Place, "read", lambda self, key: reads.append(key) or Path(self.path(key)).read_bytes())
    assert read_receipt(place, KEY) == first
    assert reads == []
    rewrite_receipt(place, KEY, replace(first, content="d"))
    found = read_receipt(place, KEY)
    assert found is not None
    assert found.content == "d"
    assert reads == [KEY]


def test_at_a_glance_a_receipt_is_as_it_was_at_the_first_look(place: Place) -> None:
    first = written(place)
    with at_a_glance():
        assert read_receipt(place, KEY) == first
        os.unlink(place.path(KEY))
        with at_a_glance():
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
