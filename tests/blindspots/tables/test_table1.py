import math

import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.study import Study
from blindspots.tables import build_table
from tests.blindspots.tables.conftest import MODELS, N, misread, store


def test_errors_are_the_clean_ones_of_either_split(tree: xr.DataTree, study: Study) -> None:
    table = build_table(1, tree, study)
    for model in MODELS:
        row = table.sel(model=model)
        for name, split in (("training_error", "train"), ("test_error", "test")):
            count = misread("clean", model, split, "none")
            assert int(row[f"{name}_misread"]) == count
            assert float(row[name]) == count / N
            assert (float(row[f"{name}_low"]), float(row[f"{name}_high"])) == wilson(count, N)


def test_distortions_are_means_over_images_read_correctly(tree: xr.DataTree, study: Study) -> None:
    row = build_table(1, tree, study).sel(model="fc10-1e-4")
    for rule, size in (("nearest", 0.02), ("random", 0.05)):
        cell = row.sel(rule=rule)
        assert float(cell.distortion) == pytest.approx(4 * size / 3)
        assert float(cell.distortion_all) == pytest.approx(size)
        assert int(cell.distortion_n) == 3
        half = 1.96 * np.std([size, size, 2 * size], ddof=1) / math.sqrt(3)
        assert float(cell.distortion_high - cell.distortion) == pytest.approx(half, rel=1e-3)
        assert float(cell.lower_bound) == pytest.approx(0.04 / 3)
    assert float(row.sel(rule="nearest").to_exact) == pytest.approx((1.25 + 1 + 1.5) / 3)
    assert math.isnan(row.sel(rule="random").to_exact)
    assert float(row.sel(rule="nearest").survives_eight_bits) == pytest.approx(1 / 3)
    assert float(row.sel(rule="random").survives_eight_bits) == 1


def test_the_papers_values_stand_beside(tree: xr.DataTree, study: Study) -> None:
    row = build_table(1, tree, study).sel(model="fc10-1e-4")
    assert float(row.training_error_paper) == pytest.approx(0.067)
    assert float(row.test_error_paper) == pytest.approx(0.074)
    assert float(row.distortion_paper) == 0.062
    assert (float(row.test_error_paper_low), float(row.test_error_paper_high)) == wilson(740, 10_000)


def test_overlap_is_of_both_intervals(tree: xr.DataTree, study: Study) -> None:
    """Ours out of 2000: 150 misread are 7.5% [6.4, 8.7], which the paper's 7.4% meets; 200 are 10% [8.8, 11.4]."""
    transfer = tree["transfer"].to_dataset()
    for count, expected in ((150, 1), (200, 0)):
        transfer["misread"].loc[{"source": "clean", "target": "fc10-1e-4", "split": "test"}] = count
        tree["transfer"] = xr.DataTree(transfer)
        assert int(build_table(1, tree, study).sel(model="fc10-1e-4").test_error_overlap) == expected


def test_seeds_are_pooled(study: Study) -> None:
    table = build_table(1, store(seeds=2), study.model_copy(update={"seeds": 2})).sel(model="fc10-1e-4")
    count = sum(misread("clean", "fc10-1e-4", "train", "none", seed) for seed in (0, 1))
    assert (int(table.training_error_misread), int(table.training_error_n)) == (count, 2 * N)
    assert float(table.sel(rule="nearest").distortion) == pytest.approx(4 * 0.025 / 3)


def test_what_the_paper_has_not_is_left_open(tree: xr.DataTree, study: Study) -> None:
    table = build_table(1, tree, study.model_copy(update={"dataset": "fashion-mnist"}))
    assert np.isnan(table.training_error_paper).all()
    assert np.isnan(table.distortion_paper).all()
    assert (table.test_error_overlap == -1).all()


def test_a_store_that_is_not_finished_says_what_it_lacks(tree: xr.DataTree, study: Study) -> None:
    transfer = tree["transfer"].to_dataset()
    transfer["n"].loc[{"source": "clean", "target": "fc100-100-10"}] = 0
    tree["transfer"] = xr.DataTree(transfer)
    with pytest.raises(InputError, match=r"the store lacks transfer/clean/fc100-100-10 .*blindspots run"):
        build_table(1, tree, study)
    with pytest.raises(InputError, match="the store lacks transfer"):
        build_table(1, xr.DataTree(), study)
    with pytest.raises(InputError, match="there is no table 6; those drawn are 1, 2"):
        build_table(6, tree, study)
