"""The slips: called by names that exist, wherever code, tables and pages call one."""

import re
from pathlib import Path

import pytest

from blindspots.paper.slips import SLIPS
from blindspots.study.study import Study

HOUSE = Path(__file__).parents[3]
NAMES = {slip.name for slip in SLIPS}
_FILES = [path for folder in ("blindspots", "tasks", "flows", "tests") for path in (HOUSE / folder).rglob("*.py")]


def called(text: str) -> list[str]:
    """Return the names by which ``text`` calls slips: in quotes, or in parentheses in what is printed."""
    flat = re.sub(r'\s*\n[\s#]*(?:f?")?', " ", text)  # a comment, a docstring or a string may go on in the next line
    quoted = [
        name for found in re.findall(r'slips? ((?:"[^"]+"(?:, | and )?)+)', flat) for name in found.split('"')[1::2]
    ]
    return quoted + re.findall(r"\(slip: ([a-z][^()]*(?:\([^)]*\))?)\)", flat)


def test_the_papers_slips_have_the_names_of_its_restatement() -> None:
    """Names that other pages use, so that they stay."""
    assert {
        *("n = 256", "weight decay", "targets", "largest c", "amplification", "clipped noise", "equation (1)"),
        *("input grid", "max pooling", "contrast normalisation", "sigmoids", "two AlexNets", "misread from the start"),
        *("convex losses", "frame bounds", "noise of Figure 7"),
    } <= NAMES
    assert len(NAMES) == len(SLIPS)


def test_every_slip_is_whole() -> None:
    for slip in SLIPS:
        assert slip.heading == f"{slip.name}: {slip.title}"
        assert not slip.title.endswith("."), slip.name
        assert slip.paper.endswith("."), slip.name
        assert slip.here.endswith("."), slip.name


def test_each_slip_that_is_called_exists() -> None:
    found = {path: called(path.read_text(encoding="utf-8")) for path in _FILES if path != Path(__file__)}
    assert {name for names in found.values() for name in names} > {"equation (1)", "misread from the start", "sigmoids"}
    wrong = {str(path.relative_to(HOUSE)): set(names) - NAMES for path, names in found.items() if set(names) - NAMES}
    assert not wrong


def test_the_rule_sees_what_it_looks_for() -> None:
    assert called('as printed (slips "equation (1)" and "input\n    grid").') == ["equation (1)", "input grid"]
    assert called('f"L is the product "\n    f"(slip: sigmoids) here"') == ["sigmoids"]
    assert called('"(slip: equation (1))"') == ["equation (1)"]
    assert called("def item(slip: Slip) -> str:") == []
    assert called('# the slip "contrast\n    # normalisation"\'s fallback') == ["contrast normalisation"]


def test_the_readings_that_can_be_chosen_are_those_of_the_study(tiny: Study) -> None:
    said = {slip.name: slip.in_force(tiny) for slip in SLIPS}
    assert said["weight decay"] == "training.decay_form = half-squares"
    assert said["targets"] == "sets.rules = nearest, random"
    assert said["largest c"] == "nearest by auto, random by auto"
    assert said["clipped noise"] == "sets.noise = 0.1, 1"
    assert said["convergence"].startswith("training.iterations = 60, ")
    assert said["n = 256"] == "training.images = 500, sets.examples = 50"
    assert said["penalty"] == "models.<name>.penalty = 0"
    assert said["frame bounds"] == ""


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_a_slip_names_in_a_study_is_there(name: str, tiny: Study) -> None:
    """Fields are written as ``--set`` takes them: part.field."""
    slip = next(each for each in SLIPS if each.name == name)
    parts = {"training": type(tiny.training), "sets": type(tiny.sets)}
    for part, field in re.findall(r"\b(training|sets)\.([a-z_]+)", f"{slip.here} {slip.in_force(tiny)}"):
        assert field in parts[part].model_fields
