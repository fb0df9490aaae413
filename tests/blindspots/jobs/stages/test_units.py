"""The units stage: its layers, what decides them, what is refused, and a run from start to finish and on."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from blindspots.errors import InputError
from blindspots.figures.drawing import draw_figure
from blindspots.jobs.hands import OwnHands
from blindspots.jobs.opening import open_root
from blindspots.jobs.plan import make_plan
from blindspots.jobs.run import run_study
from blindspots.jobs.stages.units import ModelUnits, PixelUnits
from blindspots.jobs.verification import verify
from blindspots.jobs.workspace import Workspace
from blindspots.models.activations import activations
from blindspots.models.untrained import untrained_model
from blindspots.networks.known import NETWORKS
from blindspots.networks.offered import named_network
from blindspots.report.build import build_report
from blindspots.results.results import Results
from blindspots.store.place import Place
from blindspots.store.weights import save_weights
from blindspots.study.file import validate_study
from blindspots.study.model_spec import ModelSpec
from blindspots.study.study import Study
from blindspots.tables.drawing import draw_table, read_table
from tests.small_pictures import folder_of_pictures

pytestmark = pytest.mark.xdist_group("units")  # one study, made once

CONTENT: dict[str, Any] = {
    "name": "of-units",
    "models": [
        {"name": "conv4-10", "network": "convolutional", "channels": [4], "hidden": [12], "decay": [0, 0, 0]},
        {"name": "fc20-10", "hidden": [20], "decay": [1e-4, 1e-4]},
    ],
    "training": {"images": 500, "iterations": 20, "adam": {"epochs": 1}},
    "sets": {"rules": [], "noise": []},
    "negatives": {"images": 0},
    "bounds": {"models": False, "certified": 0},
    "units": {"rotations": 9, "bases": 1, "doses": [0.5], "images": 200, "directions": 16, "features": "fc20-10"},
}


def study_with(**units: Any) -> Study:
    return validate_study({**CONTENT, "units": {**CONTENT["units"], **units}})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, mnist: object) -> Path:
    root = tmp_path_factory.mktemp("units") / "root"
    run_study(study_with(), root)
    return root


@pytest.fixture
def own(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "own")
    return tmp_path / "own"


def test_every_layer_of_every_model_is_there_trained_and_untrained(finished: Path) -> None:
    with Results(finished) as results:
        for model, layers in (
            ("conv4-10", ("layers.1", "layers.4", "layers.5")),
            ("fc20-10", ("layers.2", "layers.3")),
        ):
            for state in ("trained", "untrained"):
                for layer in layers:
                    found = results.group(f"units/{model}/seed-0/{state}/{layer}")
                    assert list(found["measure"].values) == ["same label", "pixels", "features"]
                    assert found.sizes["rotation"] == 9
        assert results.group("units/pixels/pixels").attrs["units"] == 784


def test_the_top_images_are_those_to_which_a_unit_answers_most(finished: Path) -> None:
    with Results(finished) as results:
        found = results.group("units/fc20-10/seed-0/trained/layers.2").sel(view="raw")
        ids = results.dataset.order("test", 0)[:200]
        answers = activations(results.network("fc20-10"), "layers.2", [results.dataset.images("test", ids)])
        for row, unit in enumerate(found["unit"].values):
            wanted = ids[np.argsort(-answers[:, unit].numpy(), kind="stable")[:8]]
            assert set(found["unit_tops"].values[row]) == set(wanted)
        labels = results.dataset.labels("test", found["unit_tops"].values[0]).numpy()
        same = np.mean([a == b for i, a in enumerate(labels) for j, b in enumerate(labels) if i != j])
        assert float(found["unit_coherence"].sel(measure="same label")[0]) == pytest.approx(same)


def test_the_page_says_that_there_are_no_sets(finished: Path) -> None:
    with Results(finished) as results:
        page = build_report(results, explanations={})
    assert re.search(r"<dt>Sets</dt>\s*<dd>none</dd>", page)
    assert "Figure 1: images to which units of the layer layers.4 of conv4-10 answer most" in page


def test_nothing_is_done_twice_and_only_what_changed_again(own: Path) -> None:
    assert not run_study(study_with(), own).shards
    more = run_study(study_with(layers=["layers.2", "layers.4"]), own).shards
    states = ("trained", "untrained")
    # fc20-10 has lost its last layer alone; of conv4-10's the second is the one that it was
    assert more == {"tables/units": (0,), **{f"units/conv4-10/seed-0/{state}": (0,) for state in states}}
    with Results(own) as results:
        assert results.find("units/conv4-10/seed-0/trained/layers.5") is None
        assert results.find("units/conv4-10/seed-0/trained/layers.4") is not None
        assert results.find("units/fc20-10/seed-0/trained/layers.3") is None
        assert read_table("units", results).sizes["row"] == 7
    assert set(run_study(study_with(layers=["layers.2", "layers.4"], top=7), own).shards) == {
        "units/pixels",
        "tables/units",
        *(f"units/{model}/seed-0/{state}" for model in ("conv4-10", "fc20-10") for state in states),
    }


def test_a_lost_layer_is_made_again_alone(own: Path) -> None:
    shutil.rmtree(own / "study.zarr/units/fc20-10/seed-0/trained/layers.3")
    assert run_study(study_with(), own).shards == {"units/fc20-10/seed-0/trained": (1,)}
    assert verify(open_root(study_with(), own).workspace).damaged == ()


def test_a_model_that_is_called_as_the_pixels_are_is_refused_before_any_work(tmp_path: Path, mnist: object) -> None:
    models = [{"name": "pixels", "decay": [1e-2]}, CONTENT["models"][1]]
    with pytest.raises(
        InputError, match=r"units: a model is called pixels, and that is kept for the images themselves"
    ):
        run_study(validate_study({**CONTENT, "models": models}), tmp_path / "root")
    assert not (tmp_path / "root").exists()
    units = {**CONTENT["units"], "models": ["fc20-10"]}
    open_root(validate_study({**CONTENT, "models": models, "units": units}), tmp_path / "root")


def test_the_table_and_the_figures_are_drawn(finished: Path) -> None:
    with Results(finished) as results:
        table = read_table("units", results)
        assert table.sizes["row"] == 11
        assert float(table["kept"].sel(kind="random", measure="same label").isel(row=0, seed=0, view=0)) > 0
        for name in ("1", "2", "units"):
            assert draw_figure(name, results).axes
        with pytest.raises(InputError, match="see Figures 1 and 2"):
            draw_figure("3", results)
        with pytest.raises(InputError, match="no adversarial sets"):
            draw_table("1", results)


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"layers": ["layers.9"]}, "has no layer called 'layers.9'; there are layers.0, layers.1"),
        (
            {"layers": ["layers.5"]},
            r"units.layers = \['layers.5'\]: the model fc20-10 has none of these; it has layers.0",
        ),
        ({"score": "maximum", "layers": ["layers.2"]}, r"units.score = 'maximum': the layer layers.2 .* no maps"),
        ({"wordnet": "none"}, "the classes of mnist have no places in WordNet"),
        ({"images": 10_001}, "10001 images are asked for, but the split test of mnist has 10000"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(units: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        run_study(study_with(**units), tmp_path / "root")
    assert not list(tmp_path.rglob("*.safetensors"))


def test_maps_are_scored_over_their_places(tmp_path: Path) -> None:
    study = study_with(score="maximum", layers=["layers.1"], models=["conv4-10"], untrained=False)
    run_study(study, tmp_path / "root")
    with Results(tmp_path / "root") as results:
        assert results.group("units/conv4-10/seed-0/trained/layers.1").attrs["units"] == 4


def test_what_decides_a_layer(tmp_path: Path, mnist: object) -> None:
    def identities(**units: Any) -> list[str | None]:
        workspace = open_root(study_with(**units), tmp_path / "any").workspace
        return [PixelUnits().identity(workspace, 0), ModelUnits("fc20-10", 0, trained=False).identity(workspace, 0)]

    first = identities(features=None)
    assert None not in first
    assert first == identities(features=None, models=["fc20-10"], untrained=False)
    for changed in ({"rotations": 10}, {"top": 6}, {"images": 201}, {"split": "train"}, {"directions": 15}):
        assert all(a != b for a, b in zip(first, identities(**{"features": None, **changed}), strict=True))
    assert identities() == [None, None]  # the features are of a model that is not trained yet


WORDNET = {"n01440764": "n02512053", "n01518878": "n01503061", "n02012849": "n01503061", "n03126707": "n03183080"}
"""Of small pictures' classes, the tench is a fish, the ostrich and one crane are birds, the other is a device."""


def test_pictures_are_compared_by_wordnet_and_its_branches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of_pictures(tmp_path / "four")
    content = bytearray(b" " * 3_200_000)
    for name, above in [*WORDNET.items(), *((each, "") for each in set(WORDNET.values()))]:
        pointers = f"001 @ {above[1:]} n 0000" if above else "000"
        line = f"{name[1:]} 03 n 01 {name} 0 {pointers} | it\n".encode()
        content[int(name[1:]) : int(name[1:]) + len(line)] = line
    (tmp_path / "data.noun").write_bytes(content)
    study = validate_study(
        {
            **CONTENT,
            "dataset": str(tmp_path / "four"),
            "pictures": {"size": 6},
            "models": [{"name": "softmax", "decay": [0]}],
            "training": {"images": None},
            "units": {"rotations": 3, "bases": 0, "top": 3, "wordnet": str(tmp_path / "data.noun")},
        }
    )
    monkeypatch.setenv("BLINDSPOTS_CACHE", str(tmp_path / "cache"))
    workspace = Workspace(study, Place.at(tmp_path / "root"))
    drawn = PixelUnits().drawn(workspace, 0, lambda said: None, OwnHands())
    known = PixelUnits().identity(workspace, 0)
    assert list(drawn["measure"].values) == ["same label", "wordnet", "same branch", "pixels"]
    # of 12 * 11 pairs 4 * 3 * 2 have one label, and two classes of three pictures each share a branch
    assert float(drawn["chance"].sel(measure="same label")) == pytest.approx(24 / 132)
    assert float(drawn["chance"].sel(measure="same branch")) == pytest.approx((24 + 2 * 9) / 132)
    tops = drawn["unit_tops"].sel(view="raw").values
    of = np.array([0, 1, 1, 2])[workspace.dataset.labels("test").numpy()][tops]
    pairs = (of[:, :, None] == of[:, None, :]).sum((1, 2)) - 3
    np.testing.assert_allclose(drawn["unit_coherence"].sel(view="raw", measure="same branch"), pairs / 6)
    monkeypatch.setattr("blindspots.jobs.stages.unit_comparison.BRANCHES", {"bird": ("n01503061",)})
    assert PixelUnits().identity(workspace, 0) != known  # of other branches it is done anew


def test_the_alexnet_that_is_given_for_its_bounds_is_looked_at_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    alexnet = NETWORKS["alexnet"].make(None)
    save_weights(Place.at(tmp_path), "alex.safetensors", alexnet.state_dict(), {})
    pictures = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 64), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", test_images=pictures, test_labels=np.arange(20) % 4)
    given = untrained_model(ModelSpec(name="m", hidden=(3,), decay=(0, 0)), shape=(3, 64, 64), classes=4)
    save_weights(Place.at(tmp_path), "m.safetensors", given.state_dict(), {})
    study = validate_study(
        {
            **CONTENT,
            "dataset": str(tmp_path / "pictures.npz"),
            "models": [{"name": "m", "hidden": [3], "given": {"weights": str(tmp_path / "m.safetensors")}}],
            "bounds": {"models": False, "alexnet": str(tmp_path / "alex.safetensors")},
            "units": {"rotations": 3, "bases": 0, "top": 4, "models": ["alexnet"], "layers": ["features.12"]},
        }
    )
    workspace = open_root(study, tmp_path / "root").workspace
    plan = make_plan(workspace)
    assert {job.key for job in plan.stage("units")} == {
        "units/pixels",
        "units/alexnet/seed-0/trained",
        "units/alexnet/seed-0/untrained",
    }
    job = ModelUnits("alexnet", 0, trained=True)
    assert job.layers(workspace) == ("features.12",)
    ids = workspace.examples("test")
    torch.testing.assert_close(
        job.outputs(workspace, "features.12", ids),
        activations(alexnet, "features.12", [workspace.dataset.images("test", ids)]),
    )


NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        rates = [rate.item() for rate in torch.linspace(0, 0.1, 2)]  # as rates of dropped paths are written
        self.norm, self.attention = nn.LayerNorm(4), nn.MultiheadAttention(4, 2, dropout=rates[0], batch_first=True)
        self.act, self.head = nn.GELU(), nn.Linear(4, 5)

    def forward(self, images):
        rows = self.norm(images.flatten(1).unflatten(1, (-1, 4)))
        return self.head(self.act(rows + self.attention(rows, rows, rows)[0]).mean(1))
"""


def test_a_network_of_others_and_a_black_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that computes with what it draws, which a network without weights could not; and an image without pixels."""
    (tmp_path / "their_nets.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    torch.manual_seed(0)
    network = named_network("their_nets:Net", classes=5, packages=["their_nets"])
    save_weights(Place.at(tmp_path), "net.safetensors", network.state_dict(), {})
    images = np.random.default_rng(0).integers(0, 256, (30, 1, 4, 4), dtype=np.uint8)
    images[3] = 0
    np.savez(tmp_path / "images.npz", test_images=images, test_labels=np.arange(30) % 5)
    given = {"weights": str(tmp_path / "net.safetensors"), "network": "their_nets:Net"}
    study = validate_study(
        {
            **CONTENT,
            "dataset": str(tmp_path / "images.npz"),
            "models": [{"name": "theirs", "given": given}],
            "units": {"rotations": 3, "bases": 1, "top": 4},
        }
    )
    with pytest.raises(InputError, match="allow it with: --networks their_nets, or in BLINDSPOTS_NETWORKS"):
        run_study(study, tmp_path / "root")
    run_study(study, tmp_path / "root", networks=["their_nets"])
    with Results(tmp_path / "root", networks=["their_nets"]) as results:
        assert results.group("units/theirs/seed-0/trained/act").attrs["units"] == 16
        layers = set(map(str, read_table("units", results)["layer"].values))
        assert layers == {"norm", "act", "head", "pixels"}
