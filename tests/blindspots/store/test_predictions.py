from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError
from blindspots.store.place import Place
from blindspots.store.predictions import (
    dtype_for,
    file_of,
    keep_only,
    make_array,
    read_predictions,
    write_predictions,
)

GROUP = "predictions/a/seed-0/train/nearest"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place.at(tmp_path)
    make(made, "plain-by-a")
    write_predictions(made, GROUP, "plain-by-a", np.array([3, -1, 9], np.int8))
    return made


def make(place: Place, name: str, *, rows: int = 3, classes: int = 10) -> None:
    make_array(place, GROUP, name, rows=rows, classes=classes, attributes={"set": "a"})


def names(place: Place) -> list[str]:
    return place.names(layout.in_hierarchy(GROUP))


def test_a_model_more_is_an_array_more(place: Place) -> None:
    before = place.stamp(file_of(GROUP, "plain-by-a"))
    make(place, "plain-by-b")
    make(place, "plain-by-a")
    assert place.stamp(file_of(GROUP, "plain-by-a")) == before
    write_predictions(place, GROUP, "plain-by-b", np.full(3, -1, np.int8))
    assert place.has(file_of(GROUP, "plain-by-b"))  # though all of it is fill
    found = xr.open_zarr(place.zarr(layout.ZARR), group=GROUP, consolidated=False, chunks={})
    assert found["plain-by-a"].values.tolist() == [3, -1, 9]
    assert found["plain-by-b"].dims == ("example",)
    assert found.attrs == {"set": "a", "rows": 3}


def test_a_set_of_another_length_is_another_set(place: Place) -> None:
    make(place, "plain-by-b", rows=4)
    assert names(place) == ["plain-by-b", "zarr.json"]


@pytest.mark.parametrize("name", ["zarr.json", "c"])
def test_what_is_damaged_is_made_anew(place: Place, name: str) -> None:
    path = Path(place.path(layout.in_hierarchy(f"{GROUP}/plain-by-a"))) / name
    (path / "0" if name == "c" else path).write_bytes(b"{")
    with pytest.raises(CorruptShardError, match="plain-by-a"):
        read_predictions(place, GROUP, "plain-by-a")
    make(place, "plain-by-a")
    write_predictions(place, GROUP, "plain-by-a", np.array([1, 2, 3], np.int8))
    assert read_predictions(place, GROUP, "plain-by-a").tolist() == [1, 2, 3]


def test_a_file_that_is_missing_is_not_read_as_nothing_shown(place: Place) -> None:
    place.delete(file_of(GROUP, "plain-by-a"))
    with pytest.raises(CorruptShardError, match="missing"):
        read_predictions(place, GROUP, "plain-by-a")


@pytest.mark.parametrize(("classes", "dtype"), [(2, "int8"), (128, "int8"), (129, "int16"), (1000, "int16")])
def test_every_class_has_its_number(tmp_path: Path, classes: int, dtype: str) -> None:
    assert dtype_for(classes) == dtype
    place, last = Place.at(tmp_path), np.array([classes - 1, -1], dtype)
    make(place, "plain-by-a", rows=2, classes=classes)
    write_predictions(place, GROUP, "plain-by-a", last)
    assert read_predictions(place, GROUP, "plain-by-a").tolist() == [classes - 1, -1]
    with pytest.raises(ValueError, match="does not take"):
        write_predictions(place, GROUP, "plain-by-a", last.astype(np.int64))


def test_what_no_pair_speaks_of_goes(place: Place) -> None:
    make(place, "plain-by-b")
    other = "predictions/b/seed-0/test/random"
    make_array(place, other, "plain-by-a", rows=2, classes=10, attributes={})
    keep_only(place, {f"{GROUP}/plain-by-a"})
    assert names(place) == ["plain-by-a", "zarr.json"]
    assert place.names(layout.in_hierarchy("predictions")) == ["a", "zarr.json"]
    keep_only(place, ())
    assert not place.has_folder(layout.in_hierarchy("predictions"))
    keep_only(place, ())
