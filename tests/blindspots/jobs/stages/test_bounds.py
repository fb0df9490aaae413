"""Bounds as jobs: of the study's models and of an AlexNet out of a file, stored and done again where they must be."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from blindspots.errors import InputError
from blindspots.identity import identity
from blindspots.jobs.opening import open_root, workspace_of
from blindspots.jobs.run import run_study
from blindspots.jobs.stages import bounds as module
from blindspots.jobs.stages.bounds import GivenBounds, ModelBounds
from blindspots.jobs.verification import verify
from blindspots.networks.alexnet import AlexNet
from blindspots.results import Results
from blindspots.results.tree import open_study
from blindspots.spectral.convolution.norm import conv_norm
from blindspots.spectral.network import network_bounds
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.weights import load_weights, save_weights
from blindspots.study.model_spec import GivenSpec, ModelSpec
from blindspots.study.study import Study
from blindspots.tables import drawn_for, read_table
from tests.blindspots.jobs.conftest import changed
from tests.fixed import SHAPE, fixed_network, integers

GOLDEN = [((), 12.059209101399237), ((12,), 20.650744186089728), ((12, 11), 35.60916180825784)]
"""Hidden units, and the product of the layers' bounds."""


@pytest.fixture
def alexnet_file(tmp_path: Path) -> Path:
    """The convolutions of an AlexNet that was never trained."""
    torch.manual_seed(0)
    path = tmp_path / "alexnet.safetensors"
    save_weights(Place.at(tmp_path), path.name, AlexNet(None).state_dict(), {})
    return path


def test_every_model_has_bounds_that_its_weights_have(tiny_root: Path) -> None:
    with open_study(tiny_root, lazy=False) as tree:
        for model in ("fc10", "fc20-10"):
            found = tree[f"spectral/{model}/seed-0"].to_dataset()
            weights = load_weights(Place.at(tiny_root), layout.weights(model, 0))
            norms = [float(torch.linalg.matrix_norm(each.double(), 2)) for each in weights.values() if each.dim() == 2]
            linear = np.array([str(kind) == "Linear" for kind in found["kind"].values])
            np.testing.assert_allclose(sorted(found["upper"].values[linear]), sorted(norms), rtol=1e-6)
            assert found.attrs["product"] == pytest.approx(np.prod(norms) / 4 ** (len(norms) - 1), rel=1e-6)
            assert found.attrs["model"] == model


def test_what_is_proved_is_below_what_is_found_and_close(tiny_root: Path) -> None:
    with open_study(tiny_root, lazy=False) as tree:
        for model in ("fc10", "fc20-10"):
            made = tree[f"certified/{model}/seed-0"].to_dataset()
            nearest = tree[f"sets/{model}/seed-0/train/nearest"].to_dataset().isel(example=slice(3))
            np.testing.assert_array_equal(made["example"], nearest["example"])
            np.testing.assert_array_equal(made["found"], nearest["distortion"])
            assert (made["read"].values == (nearest["clean_predicted"].values == nearest["label"].values)).all()
            read = made["read"].values
            assert read.any()
            ratio = made["certified"].values[read] / made["found"].values[read]
            assert (ratio <= 1 + 1e-6).all()
            assert ratio.mean() > 0.95
            assert (made["certified"].values[~read] == 0).all()


def test_more_certificates_keep_what_there_is(tiny: Study, root: Path) -> None:
    ran = run_study(changed(tiny, bounds={"certified": 5}), root).shards
    certified = {key: shards for key, shards in ran.items() if key.startswith("certified/")}
    assert certified == {f"certified/{model}/seed-0": (0,) for model in ("fc10", "fc20-10")}
    with open_study(root, lazy=False) as tree:
        assert tree["certified/fc10/seed-0"].sizes["example"] == 5


def test_without_bounds_there_are_no_jobs_and_no_table(tiny: Study, root: Path) -> None:
    study = changed(tiny, bounds={"models": False, "certified": 0})
    assert drawn_for(study) == ("1", "2", "negatives")
    assert not any(key.startswith(("spectral", "certified", "tables/b")) for key in run_study(study, root).shards)
    with Results(root) as results, pytest.raises(InputError, match=r"--set bounds\.models=true"):
        read_table("bounds", results)


def test_an_alexnet_out_of_a_file(tiny: Study, root: Path, alexnet_file: Path) -> None:
    study = changed(tiny, bounds={"alexnet": str(alexnet_file)})
    tables = {f"tables/{name}" for name in ("table1", "table2", "table5", "negatives", "bounds")}
    assert set(run_study(study, root).shards) == {"spectral/alexnet", *tables}
    with open_study(root, lazy=False) as tree:
        stored = tree["tables/table5"].to_dataset()
    conv = stored.sel(row="Conv 3")
    assert 0 < float(conv["lower"]) <= float(conv["upper"]) < 1.02 * float(conv["lower"])
    assert str(stored.sel(row="FC 1")["state"].item()) == "no weights"
    assert np.isnan(stored.sel(row="FC 1")["upper"])
    assert verify(workspace_of(root)).damaged == ()

    alexnet_file.touch()
    assert run_study(study, root).shards == {}
    weights = load_weights(Place.at(alexnet_file.parent), alexnet_file.name)
    save_weights(
        Place.at(alexnet_file.parent),
        alexnet_file.name,
        {**weights, "features.6.weight": 2 * weights["features.6.weight"]},
        {},
    )
    assert GivenBounds().done(workspace_of(root)) == [False]  # other weights are bounded anew
    save_weights(Place.at(alexnet_file.parent), alexnet_file.name, weights, {})
    assert GivenBounds().done(workspace_of(root)) == [True]

    alexnet_file.unlink()
    assert workspace_of(root).study == study  # what is there can still be looked at
    assert GivenBounds().done(workspace_of(root)) == [False]


def test_an_alexnet_is_known_by_its_file_or_by_what_the_study_says_of_an_address(
    tiny: Study, root: Path, alexnet_file: Path
) -> None:
    """As it always was, so that what stores hold is found done."""
    workspace = workspace_of(root)

    def known(**bounds: str) -> str | None:
        return GivenBounds().identity(replace(workspace, study=changed(tiny, bounds=bounds)), 0)

    content = hashlib.sha256(alexnet_file.read_bytes()).hexdigest()
    assert known(alexnet=str(alexnet_file)) == identity(stage="bounds", algorithm=1, weights=content)
    assert known(alexnet="pretrained") == identity(stage="bounds", algorithm=1, address="pretrained", sha256="")
    there = {"address": "https://there/a.pth", "sha256": "0123abcd"}
    assert known(alexnet=there["address"], sha256=there["sha256"]) == identity(stage="bounds", algorithm=1, **there)


def test_networks_given_by_name_are_bounded_anew_and_the_papers_stay_done(
    tiny: Study, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls, numbers, broadcasts, casts and flags of anyone's network count otherwise since; the paper's have none."""
    monkeypatch.setattr(module, "weights_hash", lambda workspace, model, seed: "w")
    workspace = workspace_of(root)
    spec = tiny.models[0]
    named = ModelSpec(name=spec.name, given=GivenSpec(weights="a.pth", network="their:net"))
    for model, algorithm in ((spec, 1), (named, 2)):
        study = tiny.model_copy(update={"models": (model,)})
        found = ModelBounds(spec.name, 0).identity(replace(workspace, study=study), 0)
        shape = workspace.dataset.shape
        assert found == identity(stage="bounds", algorithm=algorithm, weights="w", network=model.layers, shape=shape)


def test_a_file_that_is_not_there_is_refused_before_any_work(tiny: Study, tmp_path: Path, mnist: object) -> None:
    study = changed(tiny, bounds={"alexnet": str(tmp_path / "none.pth")})
    with pytest.raises(InputError, match=r"none\.pth'?: there is no such file"):
        open_root(study, tmp_path / "root")
    assert not (tmp_path / "root").exists()


@pytest.mark.numerics
@pytest.mark.parametrize(("hidden", "product"), GOLDEN)
def test_golden_numbers(hidden: tuple[int, ...], product: float) -> None:
    """Where one of these moves, ALGORITHM is to be raised, and these numbers with it."""
    found = network_bounds(fixed_network(*hidden), SHAPE)
    assert module.ALGORITHM == 1
    assert found.attrs["product"] == pytest.approx(product, rel=1e-10)


@pytest.mark.numerics
def test_golden_numbers_of_convolutions() -> None:
    weight = torch.from_numpy(integers(40, 6, 3, 5, 5, low=-64, high=64) / 64)
    found = conv_norm(weight, input_size=(12, 12), stride=2, padding=1)
    assert module.ALGORITHM == 1
    assert (found.lower, found.upper) == pytest.approx((8.122112596529131, 8.122112597120248), rel=1e-10)
