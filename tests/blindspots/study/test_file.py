"""Studies by name or out of a file, with changes: what reaches which field, and one line for what does not fit."""

from pathlib import Path

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


def test_unknown_studies_are_named_with_what_there_is() -> None:
    with pytest.raises(InputError, match="no study is called 'quik'; the built-in ones are quick, mnist, paper"):
        load_study("quik")
    with pytest.raises(InputError, match=r"the study file .*none\.yaml cannot be read"):
        load_study("none.yaml")
