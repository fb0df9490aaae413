import numpy as np
import xarray as xr

from blindspots.explorer.matrix import matrix, transfer_counts
from blindspots.explorer.view import EVERY, View, all_sets
from blindspots.results.queries.choice import SetName
from blindspots.study.study import Study
from tests.blindspots.results.queries.conftest import study
from tests.held import Held

SET = SetName("one", 0, "train", "nearest")
COUNTS = {
    ("one", "two", 0, "train", "nearest"): (200, 13),
    ("one", "two", 0, "train", "random"): (50, 50),
    ("two", "two", 0, "test", "nearest"): (40, 40),
    ("clean", "one", 0, "test", "none"): (100, 0),
}


def halves() -> Study:
    """A study whose second model's sets are of the test images."""
    models = [{"name": "one", "decay": [1.0]}, {"name": "two", "decay": [2.0], "split": "p1"}]
    return study(models=models)


def test_a_row_a_source_with_the_set_that_is_like_the_one_looked_at() -> None:
    one, two, clean = matrix(halves(), COUNTS, View(SET, fooled=("two",), by="fooled", page=3))
    assert [row.name for row in (one, two, clean)] == ["one", "two, test", "clean, test"]
    assert [cell.text for cell in one.cells] == ["", "6.5"]
    assert one.cells[0].title == "one was not shown one"
    assert one.cells[1].title == (
        "two misreads 6.50% of 200 images of one, train, nearest: 95% interval 3.84 to 10.80%"
    )
    assert (one.here, one.cells[1].here, two.here, two.cells[1].here) == (True, True, False, False)
    assert (one.cells[1].shade, two.cells[1].shade, clean.cells[0].shade) == (1, 10, 0)
    assert one.cells[1].address == View(SET, fooled=("two",), kind=EVERY, by="fooled").address()
    assert two.address == View(all_sets(halves())["two/seed-0/test/nearest"], fooled=("two",), by="fooled").address()
    (random, *_) = matrix(halves(), COUNTS, View(SetName("one", 0, "train", "random")))
    assert random.cells[1].text == "100.0"
    assert matrix(halves(), {}, View(SET)) == ()


def test_counts_are_those_of_sets_shown_plainly() -> None:
    order = ("source", "target", "seed", "split", "rule", "variant")
    names = (["one", "clean"], ["two"], [0], ["train"], ["none", "nearest"], ["plain", "amplified"])
    n = np.zeros((2, 1, 1, 1, 2, 2), np.int64)
    n[0, 0, 0, 0, 1] = 30, 40
    table = xr.Dataset({"n": (order, n), "misread": (order, n // 3)}, dict(zip(order, names, strict=True)))
    found = transfer_counts(Held(xr.DataTree.from_dict({"transfer": table}), study()))
    assert found == {("one", "two", 0, "train", "nearest"): (30, 10)}
    assert transfer_counts(Held(xr.DataTree(), study())) == {}
