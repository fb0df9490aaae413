"""The documents of arrays, as they are made and as they are found."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from blindspots.store.arrays import create_group, read_rows, write_shard
from blindspots.store.fitting import (
    Known,
    fit,
    fitting,
    group_document,
    lengths,
    made_documents,
    read_document,
    read_documents,
)
from blindspots.store.place import Place
from tests.blindspots.store.test_arrays import SHARD, VARIABLES, values
from tests.place_path import PlacePath

ATTRIBUTES = {"model": "a", "layers": (1, 2)}


@pytest.fixture
def place(any_place: Place) -> Place:
    create_group(any_place, "sets/a", VARIABLES, dim="example", rows=10, shard=SHARD, attributes=ATTRIBUTES)
    for index in range(3):
        write_shard(any_place, "sets/a", index, SHARD, values(min(SHARD, 10 - index * SHARD), index * SHARD))
    return any_place


def nothing() -> Known:
    return {}


def changes_for(place: Place, rows: int, known: Callable[[], Known] = nothing, same: bool = True) -> Any:
    made = made_documents(VARIABLES, dim="example", rows=rows, shard=SHARD)
    return fitting(place, "sets/a", made, read_documents(place, "sets/a", made), known=known, same=same)


def test_documents_are_known_as_they_are_written(place: Place) -> None:
    made = made_documents(VARIABLES, dim="example", rows=10, shard=SHARD)
    assert read_documents(place, "sets/a", VARIABLES) == made
    assert read_document(place, "sets/a") == group_document(ATTRIBUTES)
    assert lengths(made.values()) == {10: 3}
    assert changes_for(place, 10) == {}
    assert read_documents(place, "sets/b", VARIABLES) == dict.fromkeys(VARIABLES)
    assert changes_for(place, 10, same=False) == {}


def test_a_longer_set_keeps_what_it_has_and_a_shorter_one_drops_the_rest(place: Place) -> None:
    root = PlacePath(place, "study.zarr")
    fit(place, "sets/a", changes_for(place, 14), ATTRIBUTES)
    write_shard(place, "sets/a", 2, SHARD, values(4, 8))
    write_shard(place, "sets/a", 3, SHARD, values(2, 12))
    np.testing.assert_array_equal(read_rows(place, "sets/a", VARIABLES)["image"], values(14)["image"])
    fit(place, "sets/a", changes_for(place, 4), ATTRIBUTES)
    assert read_rows(place, "sets/a", VARIABLES)["label"].tolist() == [0, 1, 2, 3]
    assert not (root / "sets/a/label/c/1").exists()
    assert not list((root / "sets/a/image/c/1").rglob("0"))
