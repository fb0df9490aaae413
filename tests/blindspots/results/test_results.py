from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from blindspots.errors import InputError
from blindspots.jobs.job import Progress
from blindspots.jobs.run import run_study
from blindspots.results import Results
from blindspots.store import layout
from blindspots.study.study import Study
from tests.blindspots.jobs.conftest import changed
from tests.stores import decoded


def test_a_finished_study_is_read_by_name(tiny_root: Path, tiny: Study) -> None:
    with Results(tiny_root) as results:
        assert results.study == tiny
        assert results.root == tiny_root
        assert results.dataset.name == "mnist"
        found = results.group(layout.adversarial_set("fc10", 0, "train", "nearest"))
        stored = decoded(tiny_root)
        np.testing.assert_array_equal(found.distortion, stored["sets/fc10/seed-0/train/nearest/distortion"])
        table = results.table("1")
        assert table is not None
        assert table.attrs["table"] == 1
        assert results.find("sets/none") is None
        assert results.find("sets/fc10/seed-0/train") is None, "no arrays of its own"
        assert results.find("sets/fc10/seed-0/train/nearest/distortion") is None, "an array"
        assert results.table("none") is None
        assert "tree" not in vars(results), "a group is opened alone"
        assert results.group(layout.adversarial_set("fc10", 0, "train", "nearest")) is found, "and once"
        xr.testing.assert_identical(results.tree["sets/fc10/seed-0/train/nearest"].to_dataset(), found)
    assert "tree" not in vars(results)


def test_a_network_has_the_weights_that_lie_there(tiny_root: Path) -> None:
    network = Results(tiny_root).network("fc20-10")
    assert not network.training
    stored = decoded(tiny_root)
    for name, weight in network.state_dict().items():
        wanted = stored[f"models/fc20-10/seed-0.safetensors:{name}"]
        assert torch.equal(weight, torch.from_numpy(wanted))


def test_what_is_not_there_is_said(root: Path, tmp_path: Path) -> None:
    results = Results(root)
    with pytest.raises(InputError, match="the store lacks sets/none; finish it with: blindspots run"):
        results.group("sets/none")
    with pytest.raises(InputError, match="no model is called 'none' in the study tiny; there are: fc10, fc20-10"):
        results.network("none")
    (root / layout.weights("fc10", 0)).write_bytes((root / layout.weights("fc20-10", 0)).read_bytes())
    with pytest.raises(InputError, match="are not those of fc10"):
        results.network("fc10")
    (root / layout.weights("fc10", 0)).unlink()
    with pytest.raises(InputError, match="the weights of fc10 cannot be used"):
        results.network("fc10")
    with pytest.raises(InputError, match="there is no study in"):
        Results(tmp_path / "none")


def test_a_table_that_may_be_of_other_sets_is_not_read(tiny: Study, root: Path) -> None:
    (root / layout.receipt(layout.table("1"), 0)).unlink()
    assert Results(root).table("1") is None
    assert Results(root).table("2") is not None


def test_while_a_study_is_worked_on_and_until_it_is_finished_its_tables_are_not_read(tiny: Study, root: Path) -> None:
    def stop(progress: Progress) -> None:
        assert Results(root).table("1") is None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(changed(tiny, sets={"noise": [0.5]}), root, on_progress=stop)
    assert Results(root).table("1") is None
    run_study(tiny, root)
    assert Results(root).table("1") is not None
