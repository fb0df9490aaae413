"""What was proved beside what was found, out of groups written by hand."""

import numpy as np
import pytest
import xarray as xr

from blindspots.results.brackets import brackets, closeness, proved_nearby
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from tests.held import Held


def study(**fields: object) -> Study:
    return validate_study({"name": "held", "models": [{"name": "one", "decay": [1]}], "seeds": 2, **fields})


def group(certified: list[float], by: list[int] | None = None) -> xr.Dataset:
    """Five images: three read and misled, one misread from the start, one that was not misled."""
    arrays: dict[str, tuple[object, ...]] = {
        "example": ("example", [3, 1, 4, 0, 5]),
        "found": ("example", [0.1, 0.2, 0.4, 0.0, np.nan]),
        "certified": ("example", [*certified, 0.0, 0.7]),
        "read": ("example", [True, True, True, False, True]),
    }
    if by is not None:
        about = {"flag_values": [0, 1, 2], "flag_meanings": "product local relaxation"}
        arrays["by"] = ("example", by, about)
    return xr.Dataset(arrays, attrs={"method": "local" if by is None else "auto", "split": "train"})


def tree(**groups: xr.Dataset) -> xr.DataTree:
    return xr.DataTree.from_dict({f"certified/one/{name.replace('_', '-')}": each for name, each in groups.items()})


def test_only_images_that_are_read_and_were_misled_are_between_two_numbers() -> None:
    held = Held(tree(seed_0=group([0.1, 0.1, 0.1]), seed_1=group([0.1, 0.199, 0.4])), study())
    first, second = brackets(held, "one")
    assert first.example.tolist() == [3, 1, 4]
    assert first.ratio.tolist() == pytest.approx([1, 0.5, 0.25])
    near = closeness([first, second])
    assert near.ratio == pytest.approx(np.mean([1, 0.5, 0.25, 1, 0.995, 1]))
    assert (near.close, near.known) == pytest.approx(((1 / 3 + 1) / 2, (1 / 3 + 2 / 3) / 2))
    assert near.proved == pytest.approx(np.mean([0.1, 0.1, 0.1, 0.1, 0.199, 0.4]))
    assert (near.images, near.by) == (3, "local")


def test_without_all_seeds_or_where_it_is_not_asked_for_there_is_nothing() -> None:
    groups = {"seed_0": group([0.1, 0.1, 0.1]), "seed_1": group([0.1, 0.1, 0.1])}
    assert len(brackets(Held(tree(**groups), study()), "one")) == 2
    assert not brackets(Held(tree(**groups), study(seeds=3)), "one")
    assert not brackets(Held(tree(**groups), study(bounds={"certified": 0})), "one")
    assert not brackets(Held(tree(**groups), study(sets={"rules": ["random"]})), "one")
    nothing = closeness([])
    assert np.isnan(nothing.ratio)
    assert (nothing.images, nothing.by) == (0, "")


@pytest.mark.parametrize(("by", "said"), [([0, 0, 0, 0, 0], "product"), ([2, 2, 2, 0, 2], "relaxation")])
def test_of_a_given_network_the_store_says_what_proves(by: list[int], said: str) -> None:
    held = Held(tree(seed_0=group([0.1, 0.1, 0.1], by)), study(seeds=1))
    assert brackets(held, "one")[0].by == said


def test_what_is_proved_holds_for_images_that_were_not_misled_too() -> None:
    held = Held(tree(seed_0=group([0.1, 0.05, 0.1])), study(seeds=1))
    found = proved_nearby(held, "one", 0, "train")
    assert found is not None
    assert dict(zip(*map(np.ndarray.tolist, found), strict=True)) == {3: 0.1, 1: 0.05, 4: 0.1, 0: 0.0, 5: 0.7}
    assert proved_nearby(held, "one", 0, "test") is None
