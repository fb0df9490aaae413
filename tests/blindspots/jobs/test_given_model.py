"""A given model on data of one's own: a whole study, and one line for each that does not fit."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from blindspots.errors import InputError
from blindspots.jobs.opening import open_root, workspace_of
from blindspots.jobs.run import run_study
from blindspots.jobs.stages.given_models import GivenModel
from blindspots.jobs.verification import verify
from blindspots.models.opening import open_model
from blindspots.report import write_report
from blindspots.results import Results
from blindspots.study import Study, load_study, validate_study
from blindspots.tables import read_table, render
from tests.own_model import PACKAGE, SHAPE, networks_of, written

pytestmark = pytest.mark.xdist_group("given_model")  # one study, made once


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with networks of one's own, their weights, data, and a study of them."""
    folder = tmp_path_factory.mktemp("own")
    written(folder)
    with networks_of(folder):
        yield folder


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return load_study(str(folder / "own.yaml"))


@pytest.fixture(scope="module")
def done(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the finished study."""
    root = tmp_path_factory.mktemp("given") / "root"
    ran = run_study(study, root, networks=(PACKAGE,))
    assert {"models/small/seed-0", "models/fully/seed-0", "models/trained/seed-0"} <= set(ran.shards)
    return root


def test_a_given_model_goes_through_a_whole_study(done: Path, study: Study, folder: Path) -> None:
    with Results(done, networks=(PACKAGE,)) as results:
        network = results.network("small")
        weights = torch.load(folder / "small.pth")
        assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())
        made = results.group("sets/small/seed-0/train/nearest")
        assert made.perturbation.shape == (10, *SHAPE)
        images = results.dataset.images("train", made.example.values)
        read = network(images + torch.tensor(made.perturbation.values)).argmax(1)
        assert read.tolist() == made.predicted.values.tolist()
        assert float(made.success.mean()) > 0.9
        shown = results.group("transfer").sel(source="small", target="trained", split="train", rule="nearest")
        assert int(shown.n.sel(variant="plain", seed=0)) == 10
        bounds = results.group("spectral/small/seed-0")
        assert bounds.attrs["product"] > 1
        assert results.find("certified/fully/seed-0") is not None
        proved = results.group("certified/small/seed-0")
        assert proved.by.values.tolist() == [2]  # of an image, by a relaxation, since nothing is known of the network
        assert 0 < proved.certified.values[0] <= made.distortion.values[0]
        assert results.find("training/small/seed-0") is None
        first = read_table("1", results)
        errors = first.sel(model="small")
        assert 0 <= float(errors.test_error) < 0.5
        assert int(errors.training_error_n) == 60  # of all training images, whatever others were trained on
        assert first.attrs["dataset"] == "pictures.npz"
        assert "small" in render(read_table("2", results), "text")
        page = write_report(results, done.parent / "report.html").read_text()
        assert "small" in page


def test_it_is_done_once(done: Path, study: Study, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(done, root)
    assert run_study(study, root, networks=(PACKAGE,)).jobs == 0
    found = verify(workspace_of(root))
    assert not found.damaged
    assert found.missing == 0


def changed(study: Study, model: str = "small", **fields: Any) -> Study:
    """Return the study with other fields of what is given of a model."""
    content = study.model_dump(mode="json")
    spec = next(each for each in content["models"] if each["name"] == model)
    spec["given"] |= fields
    return validate_study(content)


def test_the_same_weights_elsewhere_are_the_same_work(done: Path, study: Study, folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(done, root)
    shutil.copy(folder / "small.pth", tmp_path / "moved.pth")
    moved = changed(study, weights=str(tmp_path / "moved.pth"))
    assert run_study(moved, root, networks=(PACKAGE,)).jobs == 0
    shutil.copy(folder / "pictures.npz", tmp_path / "pictures.npz")
    assert run_study(study.model_copy(update={"dataset": str(tmp_path / "pictures.npz")}), root).jobs == 0
    weights = torch.load(folder / "small.pth")
    torch.save({**weights, "4.bias": weights["4.bias"] + 1}, tmp_path / "moved.pth")
    again = run_study(moved, root, networks=(PACKAGE,)).shards
    assert "models/small/seed-0" in again
    assert "sets/small/seed-0/train/nearest" in again
    assert not [key for key in again if key.startswith(("models/fully", "sets/fully", "spectral/fully"))]


def test_its_weights_in_the_store_are_a_file_like_any_other(done: Path) -> None:
    opened = open_model(done / "models/fully/seed-0.safetensors")
    assert (opened.name, opened.input_shape) == ("fully", SHAPE)
    named = open_model(done / "models/small/seed-0.safetensors", network=f"{PACKAGE}:small", input_shape=SHAPE)
    assert named.model(torch.rand(1, *SHAPE)).shape == (1, 5)
    trained = open_model(done / "models/trained/seed-0.safetensors")
    assert trained.input_shape == SHAPE


def test_a_model_of_another_kind_under_the_same_name_is_made_anew(done: Path, study: Study, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(done, root)
    content = study.model_dump(mode="json")
    content["models"][2] = {**content["models"][1], "name": "trained"}
    content["models"][1] = {"name": "fully", "decay": [0.5]}
    other = validate_study(content)
    assert {"models/trained/seed-0", "models/fully/seed-0"} <= set(run_study(other, root, networks=(PACKAGE,)).shards)
    with Results(root) as results:
        assert results.find("training/trained/seed-0") is None
        assert results.find("training/fully/seed-0") is not None
    assert not verify(workspace_of(root)).damaged


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"weights": "/nowhere/small.pth"}, "the file of weights /nowhere/small.pth does not exist; name one that"),
        ({"sha256": "0" * 64}, "small.pth is not the file that was meant: its sha256 is"),
        (
            {"network": "alexnet"},
            r"does not fit the data set: input_shape = \(3, 32, 32\): alexnet takes",
        ),
        ({"network": "resnet"}, "no network is called 'resnet'; there are alexnet, alexnet-2012"),
        ({"network": "os:getcwd"}, "the network os:getcwd is of a package that this run does not allow"),
        ({"network": f"{PACKAGE}:large"}, f"the network {PACKAGE}:large cannot be made: AttributeError"),
        ({"network": f"{PACKAGE}:Scaled"}, "does not fit the network own_networks:Scaled for 5 classes"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(
    study: Study, tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    root = tmp_path / "root"
    with pytest.raises(InputError, match=said) as error:
        run_study(changed(study, **fields), root, networks=(PACKAGE,))
    assert "\n" not in str(error.value)
    assert not root.exists()


def test_a_package_is_allowed_by_the_run_or_by_the_environment_alone(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BLINDSPOTS_NETWORKS", raising=False)
    with pytest.raises(InputError, match="allow it with: --networks own_networks"):
        open_root(study, tmp_path / "root")
    monkeypatch.setenv("BLINDSPOTS_NETWORKS", f"other, {PACKAGE}")
    assert open_root(study, tmp_path / "root").workspace.networks == ("other", PACKAGE)
    with pytest.raises(InputError, match="allow it with: --networks own_networks"):
        open_root(study, tmp_path / "root", networks=())


def test_a_class_that_the_data_set_has_not_is_refused(study: Study, tmp_path: Path) -> None:
    content = study.model_dump(mode="json")
    content["sets"]["rules"] = ["class-5"]
    with pytest.raises(InputError, match=r"sets.rules = 'class-5': pictures.npz has 5 classes, class-0 to class-4"):
        open_root(validate_study(content), tmp_path / "root", networks=(PACKAGE,))


def test_a_given_model_is_known_by_its_weights_and_what_they_are_to_fit(study: Study, tmp_path: Path) -> None:
    """Not by a path, a name or a device."""
    workspace = open_root(study, tmp_path / "root", networks=(PACKAGE,)).workspace

    def known(study: Study) -> str | None:
        return GivenModel("small").identity(replace(workspace, study=study, device="cuda"), 0)

    expected = GivenModel("small").identity(workspace, 0)
    assert known(changed(study, sha256="")) == expected
    assert known(changed(study, network=f"{PACKAGE}:other")) != expected
    assert known(changed(study, weights=str(tmp_path / "none.pth"))) is None
    assert known(changed(study, weights="https://there/a.pth", sha256="0" * 8)) not in (None, expected)
