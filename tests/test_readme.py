"""The pages: their Python runs as written, their commands and links are there, and README is short."""

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer.main
from PIL import Image
from torch import nn

from blindspots.results import Results
from blindspots.spectral import RULES
from blindspots.study.core_yaml import read_yaml
from blindspots.study.file import validate_study
from blindspots.study.recipes.recipe import DECAY, compared, recipe_of

HOUSE = Path(__file__).parents[1]
README = HOUSE / "README.md"
PAGES = [HOUSE / "README.md", *(HOUSE / name for name in ("CONTRIBUTING.md", "deploy/README.md"))]
PAGES += [*(HOUSE / "blindspots").rglob("*.md"), *(HOUSE / "tests").rglob("*.md")]
_OF_A_STUDY = HOUSE / "blindspots" / "store" / "README.md"
_ASKS_IT = HOUSE / "blindspots" / "results" / "README.md"
_ADDS_ENTRIES = HOUSE / "CONTRIBUTING.md"  # its blocks change registries, and have a test of their own


def python(page: Path) -> list[str]:
    """Return the page's blocks of Python."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def run(page: Path) -> dict[str, Any]:
    """Run the page's blocks, one after another, and return what they leave."""
    names: dict[str, Any] = {"__name__": "page"}
    for block in python(page):
        exec(compile(block, str(page), "exec"), names)
    return names


def commands(page: Path) -> list[list[str]]:
    """Return the calls of ``blindspots`` on the page, in blocks and in text, as lists of arguments."""
    text = re.sub(r"^```python\n.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    found = [part for line in lines for part in re.findall(r"(?:^|[ /])blindspots ([a-z][^#&]*)", line)]
    found += [part.replace("\n", " ") for part in re.findall(r"`blindspots ([a-z][^`]*)`", text)]
    return [shlex.split(each) for each in found]


def texts(*pages: Path) -> list[Any]:
    """Name the parameters after the pages."""
    return [pytest.param(page, id=str(page.relative_to(HOUSE))) for page in pages]


@pytest.mark.parametrize(
    "page",
    texts(*(page for page in PAGES if python(page) and page not in (README, _OF_A_STUDY, _ASKS_IT, _ADDS_ENTRIES))),
)
def test_its_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run(page)
    for kind in (each for each in names.values() if getattr(each, "__module__", "") == "page" and each in RULES):
        RULES.remove(kind)
    if page.parent.name == "distortion":
        found = names["found"]
        assert found.success.all()
        assert names["aimed"].success.all()
        assert (found.lower_bound <= found.distortion).all()
        assert names["inside"].min() >= 0
        assert names["inside"].max() <= 1


def test_the_readmes_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run(README)
    found, proved = names["found"], names["proved"]
    assert found.success.all()
    assert (found.lower_bound <= found.distortion).all()
    assert (proved.distortion <= found.distortion * (1 + 1e-6)).all()
    assert (proved.distortion / found.distortion).mean() > 0.9


def test_the_stores_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist: object) -> None:
    monkeypatch.chdir(tmp_path)
    names = run(_OF_A_STUDY)
    assert names["tree"]["transfer"].sizes["target"] == 4
    asked = run(_ASKS_IT)
    assert (asked["curve"].found <= asked["curve"].possible).all()
    assert asked["fooling"].fooled.min() >= 2


def test_the_studies_on_a_page_are_some() -> None:
    page = (HOUSE / "blindspots" / "study" / "README.md").read_text(encoding="utf-8")
    pooled, given = map(read_yaml, re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    assert [recipe_of(spec) for spec in compared(validate_study(pooled))] == [DECAY, "pool of the input", "dropout"]
    study = validate_study(given)
    assert [spec.network for spec in study.models] == ["given", "fully-connected"]
    assert study.dataset_name == "pictures.npz"


def test_your_own_study_runs_from_an_empty_folder_to_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """README's lines of YAML and the two commands below them, as they stand; in this process, without Ray."""
    from flows.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = README.read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(block.splitlines()) <= 10
    Path("mine.yaml").write_text(block)
    Path("my_networks.py").write_text(
        "from torch import nn\n\n\ndef make():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(196, 2))\n"
    )
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(196, 2))
    torch.save(network.state_dict(), "net.pth")
    draw = np.random.default_rng(0)
    for split, kind in itertools.product(("train", "test"), ("cat", "dog")):
        folder = Path("pictures") / split / kind
        folder.mkdir(parents=True)
        for number in range(5):
            pixels = draw.integers(0, 256, (40, 36, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    (line,) = re.findall(r"^    blindspots (run mine.*) && blindspots (report .*)$", text, re.MULTILINE)
    for command in line:
        more = ["--here", "--set", "sets.examples=8"] if command.startswith("run") else []  # there are ten test images
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(command), *more])
        assert ended.value.code == 0, capsys.readouterr().err
    with Results("mine", networks=["my_networks"]) as results:
        found = results.group("sets/net/seed-0/test/nearest")
        assert found.sizes["example"] == 8
        assert bool(found.success.all())
    page = Path("mine/report.html").read_text(encoding="utf-8")
    assert "<h1>Blind spots of neural networks: the study mine</h1>" in page
    assert "net" in re.findall(r"<th[^>]*>([^<]*)<", page)
    # one network, which the study did not train and the paper does not know
    assert "mine: one network on " in page
    assert not re.search("iterations of L-BFGS|disagree with the paper", page)


def test_the_readme_is_short_and_begins_with_the_extra() -> None:
    text = README.read_text(encoding="utf-8")
    assert text.count("\n") <= 200
    first, second = re.findall(r"^    .*pip install '\.\[(\w+)\]'", text, re.MULTILINE)[:2]
    assert (first, second) == ("workflow", "test")


@pytest.mark.parametrize("page", texts(*PAGES))
def test_its_links_are_there(page: Path) -> None:
    for link in re.findall(r"\]\(([^)h#][^)]*)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", texts(*PAGES))
def test_its_commands_are_there(page: Path) -> None:
    from flows.cli import app

    known: Any = typer.main.get_command(app)
    for name, *arguments in commands(page):
        assert name in known.commands, name
        command = known.commands[name]
        if hasattr(command, "commands"):  # a group, such as data: its command is the next word
            assert arguments[0] in command.commands, f"{name} {arguments[0]}"
            command = command.commands[arguments[0]]
        options = {option for parameter in command.params for option in parameter.opts}
        named = {argument.partition("=")[0] for argument in arguments if re.match("--?[a-z]", argument)}
        assert named <= options, f"blindspots {name}: {named - options}"


def test_the_commands_on_a_page_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "    pip install . && .venv/bin/blindspots run  # first\n    blindspots table 2 -f latex   # second\n\n"
        "in text `blindspots run penalty\n--set seeds=3`, not of blindspots table\n"
    )
    assert commands(page) == [["run"], ["table", "2", "-f", "latex"], ["run", "penalty", "--set", "seeds=3"]]


def test_every_command_is_on_a_page() -> None:
    from flows.cli import app

    known: Any = typer.main.get_command(app)
    assert {name for page in PAGES for name, *_ in commands(page)} == set(known.commands) - {"version"}
