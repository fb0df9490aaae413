from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blindspots.store import layout
from blindspots.store.arrays import (
    CorruptShardError,
    Variable,
    create_group,
    group_attributes,
    open_root,
    read_rows,
    read_shard,
    write_shard,
)
from blindspots.store.place import Place
from tests.place_path import PlacePath

VARIABLES = {
    "image": Variable("float32", "an image", "pixel value", ("height", "width"), (2, 3)),
    "label": Variable("int16", "a class"),
    "success": Variable("bool", "whether"),
}
SHARD = 4


def values(rows: int, start: int = 0) -> dict[str, np.ndarray]:
    numbers = np.arange(start, start + rows)
    return {
        "image": (numbers[:, None, None] + np.arange(6).reshape(2, 3) / 10).astype(np.float32),
        "label": numbers.astype(np.int16),
        "success": numbers % 2 == 0,
    }


@pytest.fixture
def place(any_place: Place) -> Place:
    path = any_place
    create_group(path, "sets/a", VARIABLES, dim="example", rows=10, shard=SHARD, attributes={"model": "a"})
    for index in range(3):
        write_shard(path, "sets/a", index, SHARD, values(min(SHARD, 10 - index * SHARD), index * SHARD))
    return path


@pytest.fixture
def root(place: Place) -> PlacePath:
    """The folder of the hierarchy."""
    return PlacePath(place, layout.ZARR)


def test_shards_come_back_as_they_were_written(place: Place, root: PlacePath) -> None:
    whole = read_rows(place, "sets/a", VARIABLES)
    for name, wanted in values(10).items():
        np.testing.assert_array_equal(whole[name], wanted)
        assert whole[name].dtype == wanted.dtype
    last = read_shard(place, "sets/a", 2, SHARD, VARIABLES)
    assert last["label"].tolist() == [8, 9]
    assert group_attributes(place, "sets/a") == {"model": "a"}


def test_one_file_a_shard_and_variable_even_where_all_is_fill(place: Place, root: PlacePath) -> None:
    zeros = {name: np.zeros_like(array) for name, array in values(SHARD).items()}
    write_shard(place, "sets/a", 0, SHARD, zeros)
    for name in VARIABLES:
        assert len(list((root / "sets/a" / name / "c").rglob("*"))) == 3
    np.testing.assert_array_equal(read_shard(place, "sets/a", 0, SHARD, VARIABLES)["image"], zeros["image"])


@pytest.mark.parametrize("new_place", ["local"], indirect=True)
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_byte_of_a_shard_is_seen(new_place: Callable[[], Place], data: st.DataObject) -> None:
    path = new_place()
    create_group(path, "g", VARIABLES, dim="example", rows=SHARD, shard=SHARD, attributes={})
    write_shard(path, "g", 0, SHARD, values(SHARD))
    name = data.draw(st.sampled_from(sorted(VARIABLES)))
    file = next((PlacePath(path, layout.ZARR) / "g" / name / "c").rglob("*"))
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    with pytest.raises(CorruptShardError, match=name):
        read_shard(path, "g", 0, SHARD, VARIABLES)


def test_a_corrupt_or_cut_shard_can_be_written_again(place: Place, root: PlacePath) -> None:
    for name in VARIABLES:
        file = next((root / "sets/a" / name / "c").rglob("*"))
        file.write_bytes(file.read_bytes()[:-3])
        if isinstance(place.root, Path):
            (file.parent / f"{file.name}.0123.partial").write_bytes(b"left by a killed writer")
    with pytest.raises(CorruptShardError):
        [read_shard(place, "sets/a", index, SHARD, VARIABLES) for index in range(3)]
    for index in range(3):
        write_shard(place, "sets/a", index, SHARD, values(min(SHARD, 10 - index * SHARD), index * SHARD))
    np.testing.assert_array_equal(read_rows(place, "sets/a", VARIABLES)["image"], values(10)["image"])
    assert not list(root.rglob("*.partial"))


def test_what_is_missing_is_said(place: Place, root: PlacePath) -> None:
    with pytest.raises(CorruptShardError, match="group cannot be opened"):
        read_shard(place, "sets/b", 0, SHARD, VARIABLES)
    (root / "sets/a/label/c/1").unlink()
    with pytest.raises(CorruptShardError, match="label: the file is missing"):
        read_shard(place, "sets/a", 1, SHARD, VARIABLES)
    assert group_attributes(place, "sets/b") is None
    (root / "sets/a/zarr.json").write_text("{not json")
    assert group_attributes(place, "sets/a") is None


def test_a_shard_of_another_shape_or_dtype_is_refused(place: Place, root: PlacePath) -> None:
    with pytest.raises(ValueError, match="takes 2 rows, not the shape"):
        write_shard(place, "sets/a", 2, SHARD, values(4, 8))
    with pytest.raises(TypeError, match="holds int16, not int64"):
        write_shard(place, "sets/a", 0, SHARD, {"label": np.arange(4)})
    np.testing.assert_array_equal(read_rows(place, "sets/a", VARIABLES)["image"], values(10)["image"])


def test_the_root_is_made_once(any_place: Place) -> None:
    open_root(any_place).attrs["a"] = 1
    assert dict(open_root(Place.at(str(any_place))).attrs) == {"a": 1}
