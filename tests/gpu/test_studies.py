"""Whole studies on a GPU, in this process: every kind of network and of work; what they store, beside a CPU's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from blindspots.datasets.dataset import Dataset
from blindspots.jobs.opening import open_root
from blindspots.jobs.run import run_study
from blindspots.jobs.verification import verify
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from tests.blindspots.jobs.test_all_kinds import KINDS
from tests.small_pools import pooled_study
from tests.small_quocnet import small_pictures, small_study, with_detector
from tests.stores import assert_same_content


def run_on(device: str, study: Study, root: Path) -> xr.DataTree:
    """Run a study whole on a device, see that it is intact, and return what it stored."""
    run_study(study, root, device=device)
    assert not verify(open_root(study, root, device="cpu").workspace).damaged
    assert not run_study(study, root, device=device).jobs
    return xr.open_datatree(root / "study.zarr", engine="zarr", chunks=None)


def sets(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    return {path: node.ds for path, node in tree.subtree_with_keys if "distortion" in node.ds and "success" in node.ds}


def test_all_kinds_of_networks(mnist: Dataset, tmp_path: Path) -> None:
    study = validate_study(KINDS)
    here, there = (run_on(device, study, tmp_path / device) for device in ("cpu", "cuda"))
    ours, theirs = sets(here), sets(there)
    assert ours.keys() == theirs.keys()
    assert len(ours) > 10
    for path, one in ours.items():
        mean, other = float(one["distortion"].mean()), float(theirs[path]["distortion"].mean())
        assert other == pytest.approx(mean, rel=0.2), path  # another training: last bits grow in it
    assert {path for path, _ in here.subtree_with_keys} == {path for path, _ in there.subtree_with_keys}


def test_the_same_again_bit_by_bit(mnist: Dataset, tmp_path: Path) -> None:
    """A training that was killed goes on from its checkpoint: on one GPU what comes out may not depend on that."""
    study = validate_study({**KINDS, "negatives": {"images": 0}, "bounds": {"certified": 0}})
    for name in ("one", "other"):
        run_study(study, tmp_path / name, device="cuda")
    assert_same_content(tmp_path / "one", tmp_path / "other")


def test_units(mnist: Dataset, tmp_path: Path) -> None:
    content: dict[str, Any] = {
        "name": "units",
        "models": [{"name": "conv4-10", "network": "convolutional", "channels": [4], "decay": [0, 0]}],
        "training": {"images": 500, "adam": {"epochs": 1}},
        "sets": {"rules": [], "noise": []},
        "negatives": {"images": 0},
        "units": {"rotations": 9, "directions": 8},
    }
    here, there = (run_on(device, validate_study(content), tmp_path / device) for device in ("cpu", "cuda"))
    assert {path for path, _ in here.subtree_with_keys} == {path for path, _ in there.subtree_with_keys}


@pytest.mark.parametrize(
    "pools", [{}, {"direction": "gradient"}, {"turns": "alternating"}, {"stored": "activation", "trains": "above"}]
)
def test_pools(tmp_path: Path, pools: dict[str, Any]) -> None:
    study = pooled_study(tmp_path, pools)
    here, there = (run_on(device, study, tmp_path / device) for device in ("cpu", "cuda"))
    one, other = here["pools/a/seed-0/layer-0"], there["pools/a/seed-0/layer-0"]
    assert np.array_equal(one["example"], other["example"])
    assert float(abs(one["values"] - other["values"]).mean()) < 0.02


def test_quocnet_and_detector(tmp_path: Path) -> None:
    study = with_detector(small_study(small_pictures(tmp_path / "pictures.npz", channels=1)))
    here, there = (run_on(device, study, tmp_path / device) for device in ("cpu", "cuda"))
    assert {path for path, _ in here.subtree_with_keys} == {path for path, _ in there.subtree_with_keys}
