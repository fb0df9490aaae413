"""Studies by name or out of a file, with changes: what reaches which field, and one line for what does not fit."""

from pathlib import Path
from typing import Any

import pytest

from blindspots.errors import InputError
from blindspots.study.built_in import QUICK
from blindspots.study.file import load_study


def test_changes_reach_their_fields() -> None:
    study = load_study(
        "quick",
        [
            "models.fc10-1e-4.decay=2e-4",
            "models.fc100-100-10.hidden=[50, 50]",
            "training.iterations=7",
            "sets.rules=[random]",
            "training.images=null",
            "seeds=2",
        ],
    )
    assert study.model("fc10-1e-4").decay == (2e-4,)
    assert study.model("fc100-100-10").hidden == (50, 50)
    assert (study.training.iterations, study.training.images, study.sets.rules, study.seeds) == (
        7,
        None,
        ("random",),
        2,
    )
    assert study.model("fc10-1e-2") == QUICK.model("fc10-1e-2")


def test_a_file_is_read_and_named_after_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("models:\n  - {name: small, hidden: [20], decay: [1e-4, 0]}\nsets: {examples: 10}\n")
    study = load_study(str(path), ["sets.shard=5"])
    assert (study.name, study.models[0].decay, study.sets.examples, study.sets.shard) == ("mine", (1e-4, 0.0), 10, 5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("iterations=5", "--set iterations: no such field; the fields of the study are name, dataset, models"),
        ("training.steps=5", "the fields of training are images, iterations"),
        ("training.iterations=0", "training.iterations = 0: Input should be greater than or equal to 1"),
        ("training.iterations=many", "training.iterations = 'many'"),
        ("training.tolerance=.nan", "training.tolerance"),
        ("models.fc7.decay=1", "no model has that name; there are: fc10-1e-4"),
        ("models.fc100-100-10.decay=1", "decay has 1 value(s) but fc100-100-10 has 3 layer(s)"),
        ("models.fc10-1.decay=-1", "models.fc10-1.decay.0 = -1: Input should be greater than or equal to 0"),
        ("models.fc10-1.split=p3", "models.fc10-1.split = 'p3': Input should be 'train', 'p1' or 'p2'"),
        ("models.fc10-1.network=transformer", "Input should be 'fully-connected', 'autoencoder', 'convolutional' or"),
        ("models.fc100-100-10-p1.split=train", "is named after the split p1; set split=p1"),
        ("models.fc10-1.channels=[3]", "fc10-1: a network that is fully-connected has no channels"),
        ("models.fc10-1.network=convolutional", "that is convolutional needs channels, such as [16, 32]"),
        ("models.ae400-10.hidden=[3, 4]", "ae400-10 is an autoencoder and has one layer of codes"),
        ("models.fc100-100-10.hidden=[0, 4]", "models.fc100-100-10.hidden.0 = 0: Input should be greater"),
        ("models.fc100-100-10-1.initial=0", "fc100-100-10 and fc100-100-10-1 are one model; give one of them"),
        ("training.adam.speed=1", "the fields of training.adam are epochs, batch, rate"),
        ("training.adam.epochs=0", "training.adam.epochs = 0: Input should be greater than or equal to 1"),
        ("negatives.multiples=[1, 2, 1]", "a value stands twice in [1.0, 2.0, 1.0]"),
        ("seeds=0", "seeds = 0: Input should be greater than or equal to 1"),
        ("models.fc10-1.width=1", "no such field; the fields of models are name, paper, network"),
        ("models.fc10-1=3", "name one of the model's fields"),
        ("sets.rules=[closest]", "sets.rules.0 = 'closest': there are nearest, second, random, and class-0, class-1"),
        ("sets.rules=[nearest, nearest]", "a value stands twice"),
        ("sets.rules=[class-01]", "sets.rules.0 = 'class-01': there are nearest, second"),
        ("sets.rules=[class-123456]", "sets.rules.0 = 'class-123456': there are nearest, second"),
        ("sets.method=cw", "sets.method = 'cw': Input should be 'auto', 'lbfgs', 'lbfgs-norm' or 'projection'"),
        ("sets.shard=0", "sets.shard = 0"),
        (
            "dataset=cifar",
            "dataset: no data set is called 'cifar'; there are mnist, fashion-mnist, and yours by its path",
        ),
        ("dataset=https://here/a.npz", "no data set is called 'https://here/a.npz'"),
        ("seed.x=1", "seed has no fields of its own"),
        ("training", "is not of the form key=value"),
        ("training.images=[", "is not YAML"),
    ],
)
def test_a_bad_change_is_refused_on_one_line(change: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        load_study("quick", [change])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def refusal(path: Path, text: str, *changes: str) -> str:
    """Return what is said of a study file, with changes."""
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_study(str(path), list(changes))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "change", "said"),
    [
        ("models: [a, {name: b, decay: 0}]", "models.b.decay=1", "models.0 = 'a': Input should be a valid dictionary"),
        ("models: [{name: 100, decay: 0}]", "models.100.decay=1", "models.100.name = 100: Input should be a valid str"),
        ("models: 3", "models.a.decay=1", "--set models.a.decay: models is 3, where a list is wanted"),
        ("models: {name: a}", "models.a.decay=1", "--set models.a.decay: models is {'name': 'a'}, where a list"),
        ("seed: 1", "models.a.decay=1", "no model has that name; there are: none"),
        ("models: [{decay: 0}, {name: [1]}]", "models.a.decay=1", "no model has that name; there are: [1]"),
        ("training: 3", "training.images=1", "--set training.images: training is 3 and has no fields to set"),
        ("models: [{name: a, given: 3}]", "models.a.given.weights=w", "models.given is 3 and has no fields to set"),
        (
            "detector: {extractors: [{name: x}]}",
            "detector.extractors.x=1",
            "name one of the detector.extractor's fields",
        ),
        ("detector: {extractors: [{name: x}]}", "detector.extractors.y.weights=1", "there are: x"),
        ("quocnet: {size: huge}", "quocnet.size.fields=1", "quocnet.size is 'huge' and has no fields to set"),
        ("models: []", "models.a.b.c=1", "no model has that name"),
        pytest.param("models: []", "training.images=[" + "[" * 2000, "is not YAML", id="nested"),
    ],
)
def test_a_change_of_any_file_is_refused_on_one_line(text: str, change: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(tmp_path / "s.yaml", text, change)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: [{name: a, decay: small}]", "models.a.decay.0 = 'small': Input should be a valid number, unable"),
        ("models: [{name: a, decay: 0, given: {weights: ''}}]", "models.a.given.weights = '': String should have"),
        ("models: [{name: a, decay: 0}]\nsets: {rules: [near]}", "sets.rules.0 = 'near': there are nearest"),
        (
            "models: [{name: a, decay: 0}]\nquocnet: {size: huge}",
            "quocnet.size = 'huge': Input should be 'quocnet-2011', 'quocnet-64' or 'quocnet-mini'",
        ),
        ("models: [{name: a, decay: 0}]\nquocnet: {size: {fields: 3}}", "quocnet.size.height: this field is required"),
        ("models: []", "models = []: Tuple should have at least 1 item"),
        (f"models: {[3] * 99}\nname: {[3] * 99}", "name = [3, 3"),
        ("models: [{name: a, decay: 0}]\nseed: 0x" + "f" * 4000, "seed = a number of very many digits: "),
    ],
)
def test_nothing_is_said_that_is_not_so(text: str, said: str, tmp_path: Path) -> None:
    found = refusal(tmp_path / "s.yaml", text)
    assert found.startswith(said)
    assert ("at least 1 item" in found) == (text == "models: []")


def test_a_change_reaches_parts_that_are_empty_or_named(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("models: [{name: a, decay: 0}]\ntraining:\ndetector: {extractors: [{name: x, weights: w.pth}]}\n")
    study = load_study(str(path), ["training.images=70", "quocnet.images=7", "detector.extractors.x.network=alexnet"])
    assert study.training.images == 70
    assert study.quocnet is not None
    assert study.detector is not None
    assert study.detector.extractors[0].network == "alexnet"


def test_a_change_of_one_is_not_one_of_another_that_shares_an_anchor(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "models:\n- {name: a, given: &g {weights: w.pth, network: alexnet}}\n- {name: b, split: p1, given: *g}\n"
    )
    study = load_study(str(path), ["models.b.given.weights=v.pth"])
    assert [Path(spec.given.weights).name for spec in study.models if spec.given] == ["w.pth", "v.pth"]


def test_a_study_is_read_as_yaml_1_2(tmp_path: Path) -> None:
    path = tmp_path / "My Study.yaml"
    path.write_text("\ufeffmodels: [{name: no, decay: 1e-3}]\nseed: 010\n", encoding="utf-8")
    study = load_study(str(path), ["sets.examples=010"])
    assert (study.name, study.models[0].name, study.models[0].decay) == ("my-study", "no", (1e-3,))
    assert (study.seed, study.sets.examples) == (10, 10)
    assert "line 3: the key 'seed' stands twice, first in line 1" in refusal(path, "seed: 1\nmodels: []\nseed: 2\n")


@pytest.mark.parametrize("change", ["training.iterations=" + "1" * 5000, "a" * 5000])
def test_a_long_change_is_not_shown_whole(change: str) -> None:
    with pytest.raises(InputError, match=r"\.\.\. is n") as refused:
        load_study("quick", [change])
    assert len(str(refused.value)) < 250


def test_a_name_that_no_file_can_have_is_no_study() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_study("a" * 5000)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a\n- b\n", "holds list, not a mapping"),
        ("models: [\n", "is not YAML"),
        ("models: []\n", "models"),
        ("seed: 1\n", "models: this field is required"),
        ("models: [{name: a, decay: 1}]\nspeed: 3\n", "speed: no such field"),
    ],
)
def test_a_bad_file_is_refused_on_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(InputError) as error:
        load_study(str(path))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", [{}, None, 3, ["quick"]])
def test_what_is_no_name_is_refused_on_one_line(name: Any) -> None:
    with pytest.raises(
        InputError, match="a study is asked for by its name or the path of a YAML file, not by"
    ) as error:
        load_study(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("changes", [[3], 3, {"seed": 1}, "seed=1"])
def test_what_are_no_changes_is_refused_on_one_line(changes: Any) -> None:
    with pytest.raises(InputError, match=r"^changes = .*: a list of texts is wanted, such as"):
        load_study("quick", changes)


def test_unknown_studies_are_named_with_what_there_is() -> None:
    with pytest.raises(InputError, match="no study is called 'quik'; the built-in ones are quick, mnist, paper"):
        load_study("quik")
    with pytest.raises(InputError, match=r"the study file .*none\.yaml cannot be read"):
        load_study("none.yaml")
