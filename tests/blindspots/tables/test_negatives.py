"""The table of negatives out of counts written by hand, and its intervals."""

import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from blindspots.tables.negatives import bootstrap_over_images, negatives_table, unseen, widened
from blindspots.tables.sheets.negatives import negatives_sheets
from tests.held import Held

CONTENT = {
    "name": "by-hand",
    "models": [{"name": "fc10-1e-4", "paper": "FC10(1e-4)", "decay": [1e-4]}, {"name": "other", "decay": [1]}],
    "negatives": {"images": 4, "directions": 20, "multiples": [1, 4]},
}
MODELS = ("fc10-1e-4", "other")


@pytest.fixture
def study() -> Study:
    return validate_study(CONTENT)


def counts(model: str, seed: int = 0) -> xr.Dataset:
    """Four images, the second misread from the start; each cell has a count of its own."""
    counted = np.array([True, False, True, True])
    shown = np.where(counted[:, None, None], 20, 0) * np.ones((1, 2, 2), np.int64)
    shown[3, 1, 1] = 5  # the box holds five directions of twenty
    shown[2, 1, 1] = 0  # and here none
    misread = np.zeros((4, 2, 2), np.int64)
    misread[:, 1, 1] = [4, 0, 0, 3]
    misread[0, 0, 1] = 1 + MODELS.index(model) + 2 * seed
    out = np.where(counted[:, None, None], 20 - shown, 0)
    return xr.Dataset(
        {
            "counted": ("example", counted),
            "least": ("example", np.array([0.02, np.nan, 0.03, 0.04]) + 0.01 * seed),
            **{
                name: (("example", "where", "multiple"), values.astype(np.int32))
                for name, values in {"shown": shown, "misread": misread, "out_of_reach": out}.items()
            },
        },
        coords={"example": [7, 3, 5, 11], "where": ["sphere", "box"], "multiple": [1.0, 4.0]},
        attrs={"values": 784, "directions": 20},
    )


def store(seeds: int = 1) -> xr.DataTree:
    return xr.DataTree.from_dict(
        {f"negatives/{model}/seed-{seed}": counts(model, seed) for model in MODELS for seed in range(seeds)}
    )


def test_rates_are_means_over_the_images_shown(study: Study) -> None:
    table = negatives_table(Held(store(), study))
    assert table.rate.dims == ("model", "where", "multiple")
    assert table["multiple"].values.tolist() == [1, 4]
    for index, model in enumerate(MODELS):
        sphere, box = (table.sel(model=model, where=where, multiple=4) for where in ("sphere", "box"))
        assert float(sphere.rate) == pytest.approx((1 + index) / 20 / 3)
        assert (int(sphere.images), int(sphere.shown), int(sphere.misread)) == (3, 60, 1 + index)
        assert float(sphere.affected) == pytest.approx(1 / 3)
        assert (float(sphere.affected_low), float(sphere.affected_high)) == wilson(1, 3)
        # an image of few directions counts as much as one of many; one of none does not count
        assert float(box.rate) == pytest.approx((4 / 20 + 3 / 5) / 2)
        assert (int(box.images), int(box.shown), int(box.misread), int(box.out_of_reach)) == (2, 25, 7, 35)
        assert float(box.affected) == 1
        ends = bootstrap_over_images(np.array([4 / 20, 3 / 5]), seed=0, purpose=(model, "box", "4.0"))
        assert (float(box.bootstrap_low), float(box.bootstrap_high)) == ends == (0.2, 0.6)
        assert (float(box.low), float(box.high)) == widened(ends, 2)
        assert np.isnan(table.spread).all()
    assert float(table.distortion.sel(model="other")) == pytest.approx(0.03)
    assert table.resolution.sel(model="other", where="sphere", multiple=1) == pytest.approx(1 / 60)
    assert table.resolution.sel(model="other", where="box", multiple=4) == pytest.approx(1 / 40)


def test_no_misreading_found_is_no_proof_of_none(study: Study) -> None:
    cell = negatives_table(Held(store(), study)).sel(model="other", where="sphere", multiple=1)
    assert (float(cell.rate), float(cell.low)) == (0, 0)
    assert float(cell.high) == float(cell.unseen) == pytest.approx(1 - 0.05 ** (1 / 3))
    assert (float(cell.bootstrap_low), float(cell.bootstrap_high)) == (0, 0)


def test_an_images_rate_is_the_mean_over_seeds(study: Study) -> None:
    table = negatives_table(Held(store(2), study.model_copy(update={"seeds": 2}))).sel(model="fc10-1e-4")
    cell = table.sel(where="sphere", multiple=4)
    assert float(cell.rate) == pytest.approx((1 + 3) / 40 / 3)
    assert (int(cell.images), int(cell.shown), int(cell.misread)) == (3, 120, 4)
    assert float(cell.spread) == pytest.approx(np.std([1 / 60, 3 / 60], ddof=1))
    assert float(cell.resolution) == pytest.approx(1 / 120)
    assert float(table.distortion) == pytest.approx(0.035)
    assert (float(cell.affected_low), float(cell.affected_high)) == wilson(1, 3)  # not of six


def test_a_seed_that_the_box_holds_nothing_for_is_left_out_of_an_images_mean(study: Study) -> None:
    tree = store(2)
    other = counts("fc10-1e-4", 1)
    other["shown"][0, 1, 1] = other["misread"][0, 1, 1] = 0
    tree["negatives/fc10-1e-4/seed-1"] = xr.DataTree(other)
    cell = negatives_table(Held(tree, study.model_copy(update={"seeds": 2}))).sel(
        model="fc10-1e-4", where="box", multiple=4
    )
    assert float(cell.rate) == pytest.approx((0.2 + 0.6) / 2)
    assert float(cell.affected) == 1
    assert (int(cell.shown), int(cell.misread)) == (30, 10)


def test_seeds_that_count_other_images_are_brought_together_by_example(study: Study) -> None:
    tree = store(2)
    for model in MODELS:
        other = counts(model, 1).isel(example=[3, 2, 1, 0])
        other["counted"][0] = False  # example 11: misread from the start by this seed
        other["shown"][0] = other["misread"][0] = other["out_of_reach"][0] = 0
        tree[f"negatives/{model}/seed-1"] = xr.DataTree(other)
    cell = negatives_table(Held(tree, study.model_copy(update={"seeds": 2}))).sel(
        model="fc10-1e-4", where="box", multiple=4
    )
    # example 7: 4 of 20 twice; example 11: 3 of 5 by the first seed alone
    assert float(cell.rate) == pytest.approx((0.2 + 0.6) / 2)
    assert int(cell.images) == 2


def test_intervals_cover_the_mean_they_are_of() -> None:
    """Rates as unequal as those of images: most near 0, a few near 1. 95% of the intervals should hold the mean."""
    random = np.random.default_rng(0)
    held = [
        low <= 0.1 <= high
        for low, high in (
            bootstrap_over_images(random.binomial(200, random.beta(0.2, 1.8, 300)) / 200, seed=trial)
            for trial in range(250)
        )
    ]
    assert 0.9 <= np.mean(held) <= 0.98


def test_an_interval_is_that_of_resampled_images() -> None:
    rates = np.random.default_rng(1).integers(0, 21, 80) / 20
    low, high = bootstrap_over_images(rates, seed=0)
    draws = np.random.default_rng(2).choice(rates, (20_000, 80)).mean(1)
    assert (low, high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.008)
    assert (low, high) == bootstrap_over_images(rates[::-1], seed=0)
    assert (low, high) != bootstrap_over_images(rates, seed=1)
    assert (low, high) != bootstrap_over_images(rates, seed=0, purpose=("other",))


@pytest.mark.parametrize("images", [1, 30, 500])
def test_an_interval_is_never_narrower_than_so_many_images_allow(images: int) -> None:
    """Of a share of 1 - 0.05^(1/n), all of n images are spared with 5% probability; from 30 on it is about 3 / n."""
    assert (1 - unseen(images)) ** images == pytest.approx(0.05)
    assert images < 30 or unseen(images) == pytest.approx(3 / images, rel=0.06)
    for rate in (0.0, 1.0):
        assert bootstrap_over_images(np.full(images, rate), seed=0) == (rate, rate)
    assert widened((0.0, 0.0), images) == (0, unseen(images))
    assert widened((1.0, 1.0), images) == (1 - unseen(images), 1)
    assert widened((1e-9, 1e-5), images) == (1e-9, unseen(images))  # no lower than that of none
    if images == 500:
        assert widened((0.2, 0.3), images) == (0.2, 0.3)


def test_the_blocks_for_reading(study: Study) -> None:
    table = negatives_table(Held(store(), study))
    sphere, box = negatives_sheets(table)
    assert sphere.columns == box.columns == ("model", "least distortion", "1 times", "4 times")
    assert "on the sphere" in sphere.title
    assert "inside the box" in box.title
    cell = table.sel(model="fc10-1e-4", where="sphere", multiple=4)
    assert sphere.rows[0][:3] == ("FC10(1e-4)", "0.0300", "0 [0, 63]")
    assert sphere.rows[0][3].startswith("1.7 [0, ")
    assert float(cell.rate) == pytest.approx(1 / 60)
    assert sphere.rows[1][3] == "33 [6.1, 79]"
    assert sphere.rows[2][0] == "other"
    assert (sphere.rows[4][0], len(sphere.rows), len(box.rows)) == ("one flat boundary", 5, 4)
    assert sphere.notes == box.notes
    said = " ".join(sphere.notes)
    assert "2 to 3 images" in said
    assert "1.7%, one direction of one image" in said
    assert "Along 70 directions the box holds no such distortion" in said


def test_what_lacks_says_so(study: Study) -> None:
    with pytest.raises(InputError, match=r"the store lacks negatives/fc10-1e-4/seed-0; .*blindspots run"):
        negatives_table(Held(xr.DataTree(), study))
    with pytest.raises(InputError, match="the negatives of fc10-1e-4 are of other multiples"):
        negatives_table(Held(store(), validate_study({**CONTENT, "negatives": {"multiples": [1, 5]}})))
