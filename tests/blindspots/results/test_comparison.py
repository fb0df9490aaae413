from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from blindspots.intervals import newcombe
from blindspots.results import Results
from blindspots.results.comparison import changed_fields, distortion_differences, rate_differences
from tests.blindspots.results.queries.conftest import study
from tests.held import Held


def test_fields_that_differ_go_by_their_names() -> None:
    one = study(seed=3)
    other = study(
        models=[{"name": "two", "decay": [2.0]}, {"name": "one", "decay": [1.5]}, {"name": "four", "decay": [4.0]}]
    )
    changed = {name: values for name, *values in changed_fields(one, other)}
    assert changed["seed"] == ["3", "0"]
    assert changed["models.one.decay"] == ["[1.0]", "[1.5]"]
    assert changed["models.three.decay"] == ["[3.0]", ""]
    assert changed["models.four.decay"] == ["", "[4.0]"]
    assert not any(name.startswith("models.two") for name in changed)
    assert changed_fields(one, one) == []


def transfer(misread: int) -> xr.Dataset:
    order = ("source", "target", "seed", "split", "rule", "variant")
    coordinates = (["one", "clean"], ["one", "two"], [0], ["train"], ["none", "nearest"], ["plain", "amplified"])
    n = np.zeros((2, 2, 1, 1, 2, 2), np.int64)
    n[0, :, 0, 0, 1, 0] = 50
    n[1, :, 0, 0, 0, 0] = 100
    bad = np.where(n > 0, misread, 0)
    bad[0, 1] = np.where(n[0, 1] > 0, 7, 0)
    return xr.Dataset({"n": (order, n), "misread": (order, bad)}, dict(zip(order, coordinates, strict=True)))


def test_rates_that_both_have() -> None:
    one, other = (Held(xr.DataTree.from_dict({"transfer": transfer(misread)}), study()) for misread in (10, 20))
    found = rate_differences(one, other, clean=False)
    assert found.target.values.tolist() == ["one", "two"], "the largest difference first"
    assert found.difference.values.tolist() == pytest.approx([0.2, 0.0])
    assert (float(found.difference_low[0]), float(found.difference_high[0])) == newcombe(20, 50, 10, 50)
    assert found.attrs["note"] == "1 of 2 intervals do not hold 0. 2 are not of pairs: as of independent images."
    assert found.paired.values.tolist() == [0, 0]
    clean = rate_differences(one, other, clean=True)
    assert clean.difference.values.tolist() == pytest.approx([0.1, 0.1])
    assert rate_differences(one, other, clean=False, limit=1).sizes["image"] == 1


def adversarial(shift: float, *, data: str = "a", first: int = 0) -> xr.Dataset:
    draw = np.random.default_rng(1)
    size = 0.1 + 0.01 * draw.random(60) + shift + (0.001 * np.arange(60) / 60 if shift else 0)
    label = np.zeros(60, np.int16)
    return xr.Dataset(
        {
            "example": ("example", np.arange(first, first + 60)),
            "label": ("example", label),
            "clean_predicted": ("example", label + (np.arange(60) == 5)),
            "success": ("example", np.arange(60) != 7),
            "distortion": ("example", size),
        },
        attrs={"dataset_sha256": data},
    )


def distorted(found: xr.Dataset) -> Held:
    return Held(
        xr.DataTree.from_dict({"sets/one/seed-0/train/nearest": found}),
        study(models=[{"name": "one", "decay": [1.0]}], sets={"rules": ["nearest"]}),
    )


def test_distortions_in_pairs_where_the_images_are_the_same() -> None:
    one = distorted(adversarial(0.0))
    paired = distortion_differences(one, distorted(adversarial(0.02)))
    apart = distortion_differences(one, distorted(adversarial(0.02, data="b")))
    moved = np.delete(0.02 + 0.001 * np.arange(60) / 60, [5, 7])
    for found in (paired, apart):
        assert int(found.n[0]) == 58
        assert float(found.difference[0]) == pytest.approx(moved.mean())
        assert float(found.difference_low[0]) < moved.mean() < float(found.difference_high[0])
    half = 1.96 * moved.std(ddof=1) / 58**0.5
    assert float(paired.difference_high[0]) == pytest.approx(moved.mean() + half, abs=1e-5)
    assert float(apart.difference_high[0]) > float(paired.difference_high[0])
    overlapping = distortion_differences(one, distorted(adversarial(0.02, first=20)))
    assert int(overlapping.n[0]) == 40 - 2, "image 25 and 27 there, and none of them here"


def test_a_store_beside_itself(tiny_root: Path) -> None:
    with Results(tiny_root) as one, Results(tiny_root) as other:
        for found in (
            rate_differences(one, other, clean=True),
            rate_differences(one, other, clean=False),
            distortion_differences(one, other),
        ):
            assert found.sizes["image"] >= 4
            assert (found.difference == 0).all()
        table = one.group("transfer").sel(seed=0, variant="plain")
        for clean in (True, False):
            found = rate_differences(one, other, clean=clean)
            assert found.attrs["note"] == f"0 of {found.sizes['image']} intervals do not hold 0."
            assert (found.paired == 1).all()
            counted = table.where((table.source == "clean") == clean)
            rates = (counted.misread / counted.n).values.ravel()
            assert sorted(found.first.values) == pytest.approx(sorted(rates[np.isfinite(rates)])), "as transfer counts"
