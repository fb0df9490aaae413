"""A model is trained by its study, or given: what may be said of either, and what is written down of it."""

from pathlib import Path
from typing import Any

import pytest

from blindspots.errors import InputError
from blindspots.study import GivenSpec, ModelSpec, Study, load_study, validate_study


def study_of(*models: dict[str, Any], **fields: Any) -> Study:
    return validate_study({"name": "mine", "models": list(models), **fields})


def test_a_given_model_names_its_network_or_describes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = study_of(
        {"name": "named", "given": {"weights": "named.pth", "network": "mine:make"}},
        {"name": "described", "hidden": [20], "given": {"weights": "https://there/it.pth", "sha256": "0123abcd"}},
        {"name": "trained", "hidden": [20], "decay": [0, 0]},
    )
    named, described, trained = study.models
    assert named.given is not None
    assert named.given.weights == str(tmp_path / "named.pth")  # from any folder
    assert (named.network, named.layers, named.sigmoid) == ("given", {"network": "mine:make"}, False)
    assert described.layers == trained.layers  # the same network, so that equal weights are the same work
    assert described.sigmoid
    assert trained.sigmoid
    assert Study.model_validate_json(study.model_dump_json()) == study
    assert ModelSpec(name="named", given=GivenSpec(weights="named.pth", network="mine:make")) == named


def test_a_trained_model_says_nothing_of_what_is_given() -> None:
    spec = ModelSpec(name="fc10", decay=(1.0,))
    assert set(spec.model_dump()) == {
        *("name", "paper", "network", "hidden", "channels", "decay", "split", "initial", "examples")
    }


def test_weights_are_counted_for_the_images_at_hand() -> None:
    spec = ModelSpec(name="fc", hidden=(100,), decay=(0, 0))
    assert spec.weights((1, 28, 28), 10) == 784 * 100 + 100 * 10
    assert spec.weights((3, 32, 32), 5) == 3072 * 100 + 100 * 5
    assert ModelSpec(name="a", given=GivenSpec(weights="a.pth", network="alexnet")).weights((3, 224, 224), 5) == 0


FILE = {"weights": "a.pth"}
NAMED = {"weights": "a.pth", "network": "alexnet"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"given": FILE, "decay": [1e-4]}, "decay = [0.0001]: a is given and not trained; leave it out"),
        ({"given": FILE, "penalty": 0.5}, "penalty = 0.5: a is given and not trained"),
        ({"given": FILE, "initial": 2}, "initial = 2: a is given and not trained"),
        ({"given": NAMED, "hidden": [3]}, "hidden = [3]: the layers of a are those of alexnet"),
        ({"given": NAMED, "channels": [3]}, "channels = [3]: the layers of a are those of alexnet"),
        ({"given": NAMED, "network": "autoencoder"}, "network = 'autoencoder': given.network of a names another"),
        ({"given": FILE, "network": "convolutional"}, "that is convolutional needs channels"),
        ({"given": FILE, "network": "given"}, "network = 'given': a needs given.network"),
        ({"network": "given", "decay": [0]}, "network = 'given': a needs given.network"),
        ({"given": {"weights": "https://there/a.pth"}}, "sha256 = '': the SHA-256 of https://there/a.pth is wanted"),
        ({"given": {"weights": "a.pth", "sha256": "xyz"}}, "models.a.given.sha256 = 'xyz'"),
        ({"given": {"weights": ""}}, "models.a.given.weights = ''"),
        ({"given": {"file": "a.pth"}}, "models.a.given.weights: this field is required"),
        ({}, "decay has 0 value(s) but a has 1 layer(s) of weights"),
        ({"given": FILE, "biases": False}, "biases = False: a is given and not trained; leave it out"),
        (
            {"network": "convolutional", "channels": [3], "decay": [0, 0], "biases": False},
            "biases = False: a is convolutional; only fully connected networks that L-BFGS trains do without",
        ),
        ({"hidden": [4], "decay": [0, 0], "hardening": {}, "biases": False}, "biases = False: a is trained by minib"),
    ],
)
def test_what_does_not_fit_is_refused_on_one_line(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        study_of({"name": "a", **fields})
    assert said in str(error.value)
    assert "at least 1 item" not in str(error.value)  # of the list of models, in which the bad one is
    assert "\n" not in str(error.value)


def test_a_given_model_has_one_seed_and_no_twin() -> None:
    with pytest.raises(InputError, match="seeds = 2: the model a is given, with one set of weights; set seeds=1"):
        study_of({"name": "a", "given": NAMED}, seeds=2)
    with pytest.raises(InputError, match="a and b are one model; leave one of them out"):
        study_of({"name": "a", "given": NAMED}, {"name": "b", "given": NAMED})


def test_two_given_models_are_no_family_of_penalties() -> None:
    study = study_of(
        {"name": "a", "given": FILE},
        {"name": "b", "given": FILE, "examples": 5},
        {"name": "c", "decay": [0]},
        {"name": "d", "decay": [0], "penalty": 0.1},
    )
    assert [[spec.name for spec in family] for family in study.families] == [["c", "d"]]


def test_a_given_model_is_changed_field_by_field(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("models: [{name: a, given: {weights: a.pth}}, {name: b, decay: 1}]\n")
    study = load_study(str(path), ["models.a.given.weights=/there/b.pth", "models.a.hidden=[7]"])
    assert study.model("a").given == GivenSpec(weights="/there/b.pth")
    assert study.model("a").hidden == (7,)
    with pytest.raises(InputError, match=r"the fields of models\.given are weights, sha256, network"):
        load_study(str(path), ["models.a.given.path=b.pth"])


def test_a_data_set_of_ones_own_is_called_after_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = study_of({"name": "a", "decay": 1}, dataset="My Pictures.npz")
    assert (study.dataset, study.dataset_name) == (str(tmp_path / "My Pictures.npz"), "my-pictures.npz")
    assert study_of({"name": "a", "decay": 1}, dataset="fashion-mnist").dataset_name == "fashion-mnist"
