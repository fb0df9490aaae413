"""Documents of groups and arrays, and which of them Zarr opens."""

import json
import uuid
from typing import Any

import pytest
import zarr

from blindspots.store.documents import is_array, read_json, text_of
from blindspots.store.place import Place


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The document of an array as Zarr writes it."""
    stored: dict[str, Any] = {}
    node = zarr.open_group(zarr.storage.MemoryStore(stored), mode="w", zarr_format=3)
    node.create_array("x", shape=(4,), chunks=(2,), dtype="float32", attributes={"units": "1"})
    document: dict[str, Any] = json.loads(stored["x/zarr.json"].to_bytes())
    return document


@pytest.mark.parametrize(
    "change",
    [{"data_type": "float33"}, {"codecs": [{"name": "bytez"}]}, {"more": 1}, {"shape": None}, {"fill_value": "none"}],
    ids=str,
)
def test_what_zarr_does_not_open_is_no_array(written: dict[str, Any], change: dict[str, Any]) -> None:
    assert is_array(written)
    assert is_array(written | {"attributes": {"units": "m"}})
    assert not is_array(written | change)
    assert not is_array({name: value for name, value in written.items() if name not in change} | {"node_type": "x"})


def test_what_cannot_be_read_says_nothing(written: dict[str, Any]) -> None:
    place = Place.at(f"memory://documents/{uuid.uuid4().hex}")
    place.write("x", text_of(written))
    assert read_json(place, "x") == written
    for content in (b"", b"{", b"[" * 200_000, b"\xff"):
        place.write("x", content)
        assert read_json(place, "x") is None
    assert read_json(place, "y") is None
