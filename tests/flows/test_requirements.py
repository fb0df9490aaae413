"""Without the extra ``workflow``: one line that says what brings it, before any work, and commands that do without."""

from collections.abc import Callable
from pathlib import Path

import pytest

from blindspots.errors import InputError
from flows import requirements
from flows.requirements import require_workflow
from tests.flows.conftest import Call, one_after_another

_WITHOUT = "sys.modules.update(ray=None, prefect=None)"  # importing either then fails, as it should


@pytest.fixture
def _without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda name: None)


def finding(*there: str) -> Callable[[str], object]:
    return lambda name: name if name in there else None


def test_nothing_is_said_where_both_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", finding("ray", "prefect"))
    require_workflow("this")


@pytest.mark.parametrize(
    ("there", "said"), [((), "this needs Ray and Prefect: "), (("ray",), "Prefect: "), (("prefect",), "needs Ray: ")]
)
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], said: str) -> None:
    monkeypatch.setattr(requirements, "find_spec", finding(*there))
    with pytest.raises(InputError, match=said) as raised:
        require_workflow("this", otherwise="; that does without")
    assert str(raised.value).endswith("pip install 'blindspots[workflow]'; that does without")


@pytest.mark.usefixtures("_without")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run",), "blindspots run --here does without"),
        (("serve",), "blindspots serve needs Ray and Prefect"),
        (("bounds", "none.pth", "--workers", "2"), "bounds --workers needs Ray and Prefect"),
    ],
)
def test_the_command_line_says_so_before_any_work(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in call.refusal(*arguments)
    assert not list(tmp_path.iterdir())


def test_commands_that_read_a_store_do_without(tiny_root: Path, tmp_path: Path) -> None:
    root = ("--root", str(tiny_root))
    commands = [
        *(("run", "--dry-run", *root), ("status", *root), ("table", "2", *root), ("studies",), ("version",)),
        ("report", *root, "-o", str(tmp_path / "report.html")),
    ]
    for arguments, out in zip(commands, one_after_another(commands, first=_WITHOUT), strict=True):
        assert out.strip(), arguments
