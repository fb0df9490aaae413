"""The built-in studies, listed, told of, and written as files that are run."""

import json
from pathlib import Path

import pytest

from blindspots.study.built_in import BUILT_IN
from blindspots.study.file import load_study
from tests.flows.conftest import Call


def test_the_list_fits_a_terminal(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = call("studies").splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 50  # though the study pools has hundreds of models
    assert all(any(line.startswith(name) for line in lines) for name in BUILT_IN)
    assert any("209 models: " in line and line.endswith(" and 206 more") for line in lines)
    one = call("studies", "quick")
    assert one.startswith("quick ")
    assert "fc100-100-10-p2" in one


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_a_study_as_yaml_is_the_study(name: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = call("studies", name, "--yaml")
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert load_study(str(path)) == BUILT_IN[name][0]
    assert str(Path.cwd()) not in text
    assert max(map(len, text.splitlines())) <= 105


def test_a_study_with_changes(call: Call) -> None:
    assert "seeds: 3\n" in call("studies", "quick", "--yaml", "--set", "seeds=3")
    assert json.loads(call("studies", "quick", "--json", "--set", "seeds=3"))["seeds"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("quik", "--yaml"), "no study is called 'quik'; the built-in ones are quick, mnist"),
        (("--yaml",), "name the study, such as quick"),
        (("--set", "seeds=3"), "name the study"),
        (("quick", "--yaml", "--json"), "name one of the two"),
        (("quick", "--yaml", "--set", "speed=1"), "--set speed: no such field"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], said: str, call: Call) -> None:
    assert said in call.refusal("studies", *arguments)
