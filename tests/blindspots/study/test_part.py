"""Names and paths as a study keeps them."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from blindspots import InputError
from blindspots.study.file import load_study
from blindspots.study.part import Slug, from_anywhere, is_address, slug


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
