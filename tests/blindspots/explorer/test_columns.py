import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.explorer.columns import SetColumns, set_columns
from blindspots.explorer.view import EVERY, FAILED, FOOLED, MISREAD, MOVED, PLACE, View
from blindspots.results.queries.choice import SetName
from tests.blindspots.results.queries.conftest import MODELS, study, tree
from tests.held import Held

__all__ = ["tree"]

SET = SetName("two", 0, "train", "nearest")


@pytest.fixture
def held(tree: xr.DataTree) -> Held:
    tree[f"{SET.predictions}/plain-by-three"][:5] = -1  # not shown to it
    return Held(tree, study())


@pytest.fixture
def columns(held: Held) -> SetColumns:
    return set_columns(held, SET)


def images(held: Held, name: SetName) -> list[dict[str, float]]:
    """What is known of each image, one by one."""
    stored, read = held.group(name.group), held.group(name.predictions)
    return [
        {
            "row": row,
            **{each: stored[each].values[row].item() for each in stored.variables},
            **{model: read[f"plain-by-{model}"].values[row].item() for model in MODELS},
        }
        for row in range(stored.sizes["example"])
    ]


def kind(image: dict[str, float]) -> str:
    if image["clean_predicted"] != image["label"]:
        return MISREAD
    return MOVED if image["success"] else FAILED


@pytest.mark.parametrize(
    ("view", "key"),
    [
        (View(SET), lambda image: image["distortion"]),
        (View(SET, kind=EVERY, descending=True), lambda image: -image["distortion"]),
        (View(SET, kind=MISREAD, by=PLACE), lambda image: image["example"]),
        (View(SET, kind=FAILED, by=PLACE, descending=True), lambda image: -image["example"]),
        (
            View(SET, kind=EVERY, classes=(1, 3), fooled=("one", "three"), right=("two",)),
            lambda image: image["distortion"],
        ),
    ],
)
def test_images_are_chosen_and_sorted(held: Held, columns: SetColumns, view: View, key: object) -> None:
    wanted = [
        image
        for image in images(held, SET)
        if view.kind in (EVERY, kind(image))
        and (not view.classes or image["label"] in view.classes)
        and all(image[model] not in (image["label"], -1) for model in view.fooled)
        and all(image[model] == image["label"] for model in view.right)
    ]
    assert 0 < len(wanted) <= len(columns)
    assert columns.rows(view).tolist() == [image["row"] for image in sorted(wanted, key=key)]


def test_those_that_fool_most_come_first(held: Held, columns: SetColumns) -> None:
    rows = columns.rows(View(SET, kind=EVERY, by=FOOLED, descending=True))
    fooled = [sum(image[model] not in (image["label"], -1) for model in MODELS) for image in images(held, SET)]
    assert columns.fooled.tolist() == fooled
    assert [fooled[row] for row in rows] == sorted(fooled, reverse=True)


def test_sets_without_a_search(held: Held) -> None:
    name = SetName("noise-0.1", 0, "train", "none")
    columns = set_columns(held, name)
    assert len(columns.rows(View(name))) == len(columns) == 43
    assert not len(columns.rows(View(name, kind=FAILED)))


def test_an_image_is_found_by_its_place(columns: SetColumns) -> None:
    assert columns.row_of(int(columns.example[7])) == 7
    with pytest.raises(InputError, match="the set two train nearest has no image 5000"):
        columns.row_of(5000)


def test_readings_that_are_not_stored_are_said(held: Held) -> None:
    above, _, name = SET.predictions.rpartition("/")
    del held.tree[above][name]
    columns = set_columns(held, SET)
    assert "what one reads" in columns.lacking
    assert len(columns.rows(View(SET, kind=EVERY))) == 43
    with pytest.raises(InputError, match="the store lacks what one reads"):
        columns.rows(View(SET, fooled=("one",)))


def test_what_stays_in_memory_is_a_few_bytes_an_image(columns: SetColumns) -> None:
    arrays = [*(each for each in vars(columns).values() if isinstance(each, np.ndarray)), *columns.reads.values()]
    assert sum(each.nbytes for each in arrays) / len(columns) < 32
