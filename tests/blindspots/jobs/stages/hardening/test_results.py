"""A comparison of ways of training run whole on small pictures: its results, its table, its figure."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from blindspots.figures.hardening.pools import pools_figure
from blindspots.jobs.run import run_study
from blindspots.jobs.stages.hardening.results import hardening_results, looked_at
from blindspots.jobs.workspace import Workspace
from blindspots.results import Results
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.study import load_study
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from blindspots.tables import TABLES
from blindspots.tables.drawing import draw_table, in_order
from blindspots.tables.sheet import FORMATS
from blindspots.tables.sheets.formats import render
from blindspots.tables.sheets.pools import findings, pools_sheets, reasons_sheets
from tests.small_quocnet import small_pictures

pytestmark = pytest.mark.xdist_group("hardening_results")  # one study, made once

NET = {"hidden": [8], "decay": [1e-4, 1e-4]}
POOL = {"size": 20, "reach": 0.5}
MODELS = [
    {"name": "near", **NET, "pools": {**POOL, "layers": [0]}},
    {"name": "far", **NET, "pools": {**POOL, "layers": [1], "trains": "above"}},
    {"name": "alone", **NET, "hardening": {}},
    {"name": "drop", **NET, "hardening": {"dropout": [0.1, 0.5]}},
    {"name": "l", **NET},
]


def study_in(folder: Path, **training: object) -> Study:
    pictures = folder / "pictures.npz"
    return validate_study(
        {
            "name": "ways",
            "dataset": str(pictures if pictures.exists() else small_pictures(pictures, channels=1)),
            "models": MODELS,
            "training": {"images": 24, "iterations": 5, "adam": {"epochs": 3, "batch": 6, "rate": 0.02}} | training,
            "sets": {"rules": [], "noise": []},
            "negatives": {"images": 0},
            "bounds": {"models": False, "certified": 0},
            "seeds": 2,
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ways")
    run_study(study_in(folder), folder / "root")
    return folder


def test_errors_are_those_of_the_stored_networks_on_images_held_out(folder: Path) -> None:
    with Results(folder / "root") as results:
        workspace = Workspace(results.study, Place.at(folder / "root"))
        split, ids, on = looked_at(workspace, "near")
        assert (split, on, len(ids)) == ("train", "held-out", 16)
        assert not set(ids) & set(workspace.examples("train", 24))
        images, labels = workspace.dataset.images("train", ids), workspace.dataset.labels("train", ids)
        for model in ("alone", "near", "far"):
            network = results.network(model, 1)
            found = results.group(layout.hardened(model, 1))
            assert found["example"].values.tolist() == ids.tolist()
            with torch.no_grad():
                wrong = network(images).argmax(1) != labels
            assert found["misread"].values.tolist() == wrong.tolist()
            assert np.all((found["distortion"].values == 0) == wrong.numpy())
            assert np.all(found["lower_bound"].values <= found["distortion"].values + 1e-9)
        own = results.group(layout.hardened("alone", 0))
        assert bool(own["to_alone"].all())  # its own set misleads it


def test_all_images_trained_on_the_test_images_are_looked_at(folder: Path) -> None:
    workspace = Workspace(study_in(folder, images=None), Place.at(folder / "root"))
    split, ids, on = looked_at(workspace, "near")
    assert (split, on, len(ids)) == ("test", "test", 30)


def test_the_table_has_a_row_a_way_and_the_papers_errors_beside(folder: Path) -> None:
    with Results(folder / "root") as results:
        table = results.table("pools")
        assert table is not None
        assert table["model"].values.tolist() == ["alone", "near", "far", "drop", "l"]
        groups = {name: [results.group(layout.hardened(name, seed)) for seed in (0, 1)] for name in ("near", "alone")}
        means = {name: np.mean([each["misread"].values for each in found]) for name, found in groups.items()}
        near = table.sel(model="near")
        assert float(near["error"]) == pytest.approx(means["near"])
        assert float(near["difference"]) == pytest.approx(means["near"] - means["alone"])
        assert float(near["difference_low"]) <= float(near["difference"]) <= float(near["difference_high"])
        assert float(near["passes"]) == 2 * 3
        assert np.isnan(table.sel(model="alone")["difference"])
        sheets = pools_sheets(table)
        text = "\n".join(" | ".join(row) for sheet in sheets for row in sheet.rows)
        assert float(near["certified_share"]) == pytest.approx(_certified(groups["near"]))
        assert "below 1.2% by pools" in text
        assert "1.3% by dropout" in text
        assert "pool of layer 1, trains above" in text
        assert "not shown" in sheets[0].notes[0]  # errors on test images
        before = pools_sheets(table.drop_vars("certified_share"))[1]  # as it was drawn without that column
        assert [row[4] for row in before.rows] == [""] * 5
        assert [row[:4] for row in before.rows] == [row[:4] for row in sheets[1].rows]
        assert "Of 2 ways with pools" in findings(table)[0]
        assert findings(table.sel(model=["alone", "drop"])) == ()


def _certified(groups: list[xr.Dataset]) -> float:
    least, bound = (np.concatenate([each[name].values for each in groups]) for name in ("distortion", "lower_bound"))
    return float((bound[least > 0] / least[least > 0]).mean())


def test_the_table_of_reasons_has_a_row_a_pool(folder: Path) -> None:
    with Results(folder / "root") as results:
        table = results.table("reasons")
        assert table is not None
        groups = [results.group(layout.reasons("far", seed)).sel(layer=1) for seed in (0, 1)]
        change, distance = (np.concatenate([each[name].values for each in groups]) for name in ("change", "distance"))
        moved = change > 0
        far = table.sel(model="far", layer=1)
        assert int(far["n"]) == moved.sum() > 5
        assert float(far["out_of_reach"]) == pytest.approx((distance[moved] / change[moved]).mean())
        assert float(far["reached"]) == pytest.approx((distance[moved] <= 0.01 * change[moved]).mean())
        assert float(far["gradient"]) == pytest.approx(np.mean([float(each["gradient_share"]) for each in groups]))
        assert int(table.sel(model="far", layer=0)["n"]) == 0
        near = table.sel(model="near", layer=0)
        assert (float(near["distance"]), float(near["reached"])) == (0, 1)
        (sheet,) = reasons_sheets(table)
        assert [row[2] for row in sheet.rows] == ["input", "1"]
        assert "of layer 1 " in sheet.notes[-1]
        assert "name models with pools, and" in TABLES["reasons"].lacks(load_study("quick"))


@pytest.mark.parametrize("name", ["pools", "reasons"])
def test_the_table_that_is_read_back_is_the_one_that_is_drawn(folder: Path, name: str) -> None:
    with Results(folder / "root") as results:
        stored, drawn = results.table(name), draw_table(name, results)
        assert stored is not None
        for form in FORMATS:
            assert render(in_order(stored), form) == render(drawn, form), form
        xr.testing.assert_identical(in_order(stored).load(), drawn)


def test_the_figure_has_three_panels(folder: Path) -> None:
    with Results(folder / "root") as results:
        errors, ages, curves = pools_figure(results).axes
    assert {"decay alone", "pool of the input", "pool of layer 1, trains above", "dropout"} <= set(
        errors.get_legend_handles_labels()[1]
    )
    assert len(ages.lines) == 2
    assert len(curves.lines) == 4  # L-BFGS has no epochs


def test_what_decides_a_result_is_the_weights_and_the_images(folder: Path) -> None:
    study = study_in(folder)
    workspace = Workspace(study, Place.at(folder / "root"))
    jobs = {(job.model, job.seed): job for job in hardening_results(study)}
    assert set(jobs) == {(model["name"], seed) for model in MODELS for seed in (0, 1)}
    near = jobs["near", 0]
    assert near.inputs == ("models/near/seed-0", "models/alone/seed-0")
    assert near.done(workspace) == [True]
    other = Workspace(study_in(folder, images=30), workspace.place)
    assert near.identity(other, 0) != near.identity(workspace, 0)
    assert jobs["far", 0].identity(workspace, 0) != near.identity(workspace, 0)
    assert not run_study(study, folder / "root").shards
