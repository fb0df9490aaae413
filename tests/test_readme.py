"""The README's Python, run as written, in an empty folder and in order."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist: object) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        code = block.replace("blindspots-study/", "my-root/")  # the study that the block before has run
        exec(compile(code, str(README), "exec"), names)
    found, aimed = names["found"], names["aimed"]
    assert found.success.all()
    assert aimed.success.all()
    assert (found.lower_bound <= found.distortion).all()
    assert names["bound"].lower <= names["bound"].upper < 1.01 * names["bound"].lower
    assert (names["proved"].distortion <= names["searched"].distortion * (1 + 1e-6)).all()
    assert (names["proved"].distortion / names["searched"].distortion).mean() > 0.9
    assert names["tree"]["transfer"].sizes["source"] == 21


def test_its_commands_and_links_are_there() -> None:
    from flows.cli import app

    text = README.read_text(encoding="utf-8")
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    named = set(re.findall(r"\bblindspots ([a-z]+)\b", text)) - {"import"}
    assert {"run", "status", "table", "figure", "verify", "studies", "serve", "bounds"} <= named <= known
    for path in re.findall(r"\]\(([^)h][^)]*)\)", text):
        assert (README.parent / path).exists(), path
