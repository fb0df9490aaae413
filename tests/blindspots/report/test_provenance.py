"""Where a store's content comes from, out of its receipts."""

import json
from pathlib import Path

import pytest

from blindspots.identity import identity
from blindspots.report.provenance import provenance
from blindspots.store.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for index, (finished, torch) in enumerate(
        [("2024-05-06T07:08:09+00:00", "2.9"), ("2024-05-05T23:00:00+00:00", "2.8")]
    ):
        path = tmp_path / "receipts" / "sets" / f"{index}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = identity()  # of no arrays
        receipt = {
            "identity": "i",
            "content": content,
            "seconds": 1.5,
            "versions": {"torch": torch},
            "finished": finished,
        }
        path.write_text(json.dumps(receipt))
    (tmp_path / "receipts" / "sets" / "9.json").write_text("damaged")
    return Place.at(tmp_path)


def test_receipts_together_say_when_and_by_what(place: Place) -> None:
    found = provenance(place)
    assert (found.shards, found.seconds) == (2, 3.0)
    assert (found.first, found.last) == ("2024-05-05 23:00 UTC", "2024-05-06 07:08 UTC")
    assert found.versions == {"torch": ("2.8", "2.9")}
    assert found.devices == ("cpu",)


def test_a_store_without_receipts_says_nothing(tmp_path: Path) -> None:
    found = provenance(Place.at(tmp_path))
    assert (found.shards, found.first, found.versions) == (0, "", {})
