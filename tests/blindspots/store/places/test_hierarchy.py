import pickle
import uuid
from collections.abc import Callable

import numpy as np
import pytest
import zarr

from blindspots.errors import OutOfReachError
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError, Variable, create_group, read_rows, read_shard, write_shard
from blindspots.store.place import Place
from blindspots.store.receipts import read_receipt
from blindspots.store.sealing import problems, unseal
from blindspots.store.transfer_table import TransferTable
from blindspots.store.weights import load_weights
from tests.s3_server import Server, times

pytestmark = [pytest.mark.xdist_group("s3"), pytest.mark.usefixtures("s3")]
VARIABLES = {"x": Variable("float32", "numbers", dims=("of",), shape=(300,)), "y": Variable("int64", "a number")}
ROWS = {"x": np.arange(4 * 300, dtype=np.float32).reshape(4, 300), "y": np.arange(4)}


@pytest.fixture
def place() -> Place:
    found = Place.at(f"s3://tests/{uuid.uuid4().hex}")
    create_group(found, "g/h", VARIABLES, dim="example", rows=4, shard=4, attributes={})
    write_shard(found, "g/h", 0, 4, ROWS)
    return found


def test_zarr_sees_the_folder_and_no_other(place: Place) -> None:
    place.write("study.zarr.more/zarr.json", b"{}")
    group = zarr.open_group(place.zarr(layout.ZARR), mode="r", use_consolidated=False)
    assert sorted(path for path, _ in group.members(max_depth=None)) == ["g", "g/h", "g/h/x", "g/h/y"]
    np.testing.assert_array_equal(group["g/h/x"][...], ROWS["x"])
    np.testing.assert_array_equal(group["g/h/x"][1:2, 3], ROWS["x"][1:2, 3])
    with pytest.raises(ValueError, match="read-only"):
        group["g/h/x"][...] = 0


def test_it_can_be_sent_and_compared(place: Place) -> None:
    store = place.zarr(layout.ZARR)
    sent = pickle.loads(pickle.dumps(store))
    assert sent == store == place.zarr(layout.ZARR) != place.zarr(layout.BESIDE)
    assert len({sent, store, place.zarr(layout.BESIDE)}) == 2
    assert str(store) == f"{place}/study.zarr"
    assert zarr.open_group(sent, mode="r")["g/h/y"][3] == 3
    assert store.with_read_only(True) != store


def test_groups_and_folders_are_deleted(place: Place) -> None:
    group = zarr.open_group(place.zarr(layout.ZARR), mode="r+", use_consolidated=False)
    create_group(place, "g/hh", {}, dim="example", rows=4, shard=4, attributes={})
    del group["g/h"]
    assert place.names("study.zarr/g") == ["hh", "zarr.json"]


@pytest.mark.parametrize("left", [0, 1, 40, -1])
def test_a_file_that_is_cut_is_damaged_and_not_out_of_reach(place: Place, left: int) -> None:
    key = layout.chunk("g/h", "x", (0, 0))
    place.write(key, place.read(key)[:left])
    with pytest.raises((CorruptShardError, AssertionError)):
        np.testing.assert_array_equal(read_shard(place, "g/h", 0, 4, VARIABLES)["x"], ROWS["x"])
    array = zarr.open_group(place.zarr(layout.ZARR), mode="r", use_consolidated=False)["g/h/x"]
    with pytest.raises((ValueError, AssertionError)):
        np.testing.assert_array_equal(array[2:3], ROWS["x"][2:3])


@pytest.mark.parametrize("fault", ["503 Slow Down", "cut"])
def test_what_fails_for_the_moment_is_tried_again(place: Place, s3: Server, fault: str) -> None:
    with s3.failing(times(1, fault)):
        np.testing.assert_array_equal(read_rows(place, "g/h", VARIABLES)["x"], ROWS["x"])
    with s3.failing(times(1, fault, of="PUT")):
        write_shard(place, "g/h", 0, 4, {**ROWS, "y": ROWS["y"] + 1})
    assert read_rows(place, "g/h", VARIABLES)["y"].tolist() == [1, 2, 3, 4]


ASKED: dict[str, tuple[int, Callable[[Place], object]]] = {
    "a shard": (6, lambda place: read_shard(place, "g/h", 0, 4, VARIABLES)),
    "a written shard": (5, lambda place: write_shard(place, "g/h", 0, 4, ROWS)),
    "weights": (1, lambda place: load_weights(place, "models/a.safetensors")),
    "a receipt": (1, lambda place: read_receipt(place, "receipts/g/h/0.json")),
    "metadata": (3, problems),
    "mended metadata": (3, unseal),
    "pairs": (3, lambda place: TransferTable(place, {}).files({"source": "a", "target": "a", "seed": 0})),
}
"""What is asked of a store, and of how many of its first requests each one is refused in turn."""


@pytest.mark.parametrize("asked", ASKED)
def test_what_cannot_be_reached_is_neither_missing_nor_damaged(place: Place, s3: Server, asked: str) -> None:
    before = set(place.files())
    requests, ask = ASKED[asked]
    for skipped in range(requests):
        refusals = iter([None] * skipped)
        with (
            s3.failing(lambda request, refusals=refusals: next(refusals, "403 Forbidden")),
            pytest.raises(OutOfReachError, match="it answers 403 Forbidden"),
        ):
            ask(place)
    gone = before - set(place.files())
    assert all("/c/" in key for key in gone)  # a chunk that is about to be written again
