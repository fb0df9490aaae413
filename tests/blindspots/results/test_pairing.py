import numpy as np
import pytest
import xarray as xr

from blindspots.results.pairing import Counts, Pairs
from blindspots.results.queries.choice import SetName
from tests.blindspots.results.queries.conftest import study
from tests.held import Held

SET = SetName("one", 0, "train", "nearest")


def held(example: list[int], label: list[int], read: list[int], *, data: str | None = "a") -> Held:
    attributes = {} if data is None else {"dataset_sha256": data}
    groups = {
        SET.group: xr.Dataset({"example": ("example", example), "label": ("example", np.array(label))}),
        SET.predictions: xr.Dataset({"plain-by-two": ("example", np.array(read, np.int8))}, attrs=attributes),
    }
    return Held(xr.DataTree.from_dict(groups), study())


def test_images_are_paired_by_what_they_are_and_not_by_where_they_stand() -> None:
    one = held([4, 9, 2, 7, 5, 8], [0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 1, -1])
    other = held([9, 4, 7, 2, 5, 8, 11], [0, 0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 1, 1])
    # 4 first alone, 9 both, 2 neither, 7 second alone, 5 both; 8 was not shown, 11 is in one set alone
    found = Pairs(one, other).counts(SET, "two")
    assert found == Counts(both=2, first=1, second=1, neither=1)
    assert found.n == 5
    assert Pairs(other, one).counts(SET, "two") == Counts(2, 1, 1, 1)


@pytest.mark.parametrize(
    "other",
    [
        held([1, 2], [0, 0], [0, 1], data="b"),
        held([1, 2], [0, 0], [0, 1], data=None),
        held([3, 4], [0, 0], [0, 1]),
        held([1, 2], [0, 0], [-1, -1]),
    ],
    ids=["other data", "unknown data", "no image in both", "not shown"],
)
def test_what_has_no_pairs(other: Held) -> None:
    one = held([1, 2], [0, 0], [0, 1])
    assert Pairs(one, one).counts(SET, "two") == Counts(1, 0, 0, 1)
    assert Pairs(one, other).counts(SET, "two") is None
    assert Pairs(one, one).counts(SET, "three") is None
