"""Names and paths as a study keeps them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from blindspots import InputError
from blindspots.study.file import load_study
from blindspots.study.part import Slug, from_anywhere, is_address, slug
from blindspots.study.sets_spec import SetsSpec


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("pictures.npz", "pictures.npz"),
        ("My Pictures (2).npz", "my-pictures-2-.npz"),
        ("..hidden", "hidden"),
        ("---", "unnamed"),
        ("a" * 100, "a" * 64),
    ],
)
def test_any_text_becomes_a_slug(text: str, made: str) -> None:
    assert slug(text) == made
    assert TypeAdapter(Slug).validate_python(made) == made


def test_a_path_is_made_absolute_and_an_address_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert from_anywhere("a/b.pth") == str(tmp_path / "a/b.pth")
    assert from_anywhere("~/b.pth") == str(tmp_path / "home/b.pth")
    assert from_anywhere("https://there/b.pth") == "https://there/b.pth"
    assert from_anywhere("") == ""
    assert is_address("s3://there/b.pth")
    assert not is_address("/there/b.pth")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("models: [{name: a, decay: 1, biases: yes}]", "models.a.biases = 'yes': Input should be true or false"),
        ("models: [{name: a, decay: 1, biases: 1}]", "models.a.biases = 1: Input should be true or false"),
        ("models: [{name: a, decay: true}]", "models.a.decay = (True,): Input should be no truth value"),
        (
            "models: [{name: a, decay: [1, false]}]",
            "models.a.decay = [1, False]: Input should be no",
        ),
        ("models: [{name: a, decay: 1}]\ntraining: {iterations: true}", "training.iterations = True: Input should be"),
    ],
)
def test_truth_and_numbers_do_not_stand_for_each_other(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(line + "\n")
    with pytest.raises(InputError) as refused:
        load_study(str(file))
    assert str(refused.value).startswith(said)
    file.write_text("models: [{name: a, decay: 1, biases: False}]\n")
    assert load_study(str(file)).models[0].biases is False


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("seed=1_000", "seed = '1_000': Input should be a number, such as 1000 or 0.5, without quotes or _"),
        ("sets.examples=1_000", "sets.examples = '1_000': Input should be a number"),
        ("models.fc10-1e-4.decay=1_0.5", "models.fc10-1e-4.decay = ('1_0.5',): Input should be a number"),
        ("sets.noise=[0.1, '0.3']", "sets.noise = [0.1, '0.3']: Input should be a number"),
        ("models.fc10-1e-4.decay=small", "models.fc10-1e-4.decay.0 = 'small': Input should be a valid number"),
        ("seed=3.0", "seed = 3.0: Input should be an integer, without a point or an exponent"),
        ("seed=1e3", "seed = 1000.0: Input should be an integer"),
        ("seed=0.5", "seed = 0.5: Input should be a valid integer"),
        ("seed=-1", "seed = -1: Input should be greater than or equal to 0"),
        ("seeds=2.0", "seeds = 2.0: Input should be an integer"),
        ("units.images=300.0", "units.images = 300.0: Input should be an integer"),
    ],
)
def test_a_number_is_neither_text_nor_of_another_kind(change: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        load_study("quick", [change])
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_a_number_of_its_kind_is_taken_numpys_too() -> None:
    study = load_study("quick", ["seed=+3", "sets.amplified_to=1", "sets.noise=[1]", "sets.examples=0x10"])
    assert (study.seed, study.sets.amplified_to, study.sets.noise, study.sets.examples) == (3, 1.0, (1.0,), 16)
    assert SetsSpec(examples=np.int64(5), shard=np.int32(7), amplified_to=np.float32(0.5)).shard == 7  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", [{"nearest", "random"}, frozenset({"random"}), {"random": 1}.keys(), iter(["random"])]
)
def test_what_is_in_no_order_of_its_own_is_no_list(value: Any) -> None:
    with pytest.raises(ValidationError, match="Input should be a list, whose order is its own"):
        SetsSpec(rules=value)


@pytest.mark.parametrize(
    "field",
    ["name", "dataset", "models.fc10-1.paper", "bounds.alexnet", "units.wordnet", "detector.what", "detector.positive"],
)
def test_text_that_utf_8_has_not_is_refused(field: str) -> None:
    with pytest.raises(InputError, match=rf"^{field} = .*ud800.*: Input should be text without lone surrogates"):
        load_study("quick", [rf'{field}="./\ud800.npz"' if field != "detector.positive" else rf'{field}=["\ud800"]'])


@pytest.mark.parametrize("field", ["models.fc10-1.paper", "detector.what"])
@pytest.mark.parametrize("text", [r"x\e[31m", r"x\0", r"a\nb", r"\x85"])
def test_what_pages_and_tables_show_has_no_control_characters(field: str, text: str) -> None:
    with pytest.raises(InputError, match=rf"^{field} = .*: Input should be text without control characters$"):
        load_study("quick", [f'{field}="{text}"'])
