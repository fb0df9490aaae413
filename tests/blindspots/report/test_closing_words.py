"""What a finished run is told: in 80 columns, and true of the study."""

from pathlib import Path

import pytest
import xarray as xr

from blindspots.report.closing_words import closing_words, less_than_the_paper
from blindspots.report.verdict import verdict_line
from blindspots.results.results import Results
from blindspots.study.file import load_study
from blindspots.tables import drawn_for, read_table

pytestmark = pytest.mark.xdist_group("report")


@pytest.fixture(scope="module")
def drawn(tiny_root: Path) -> dict[str, xr.Dataset]:
    with Results(tiny_root) as results:
        return {name: read_table(name, results) for name in drawn_for(results.study)}


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("root", ["quick", "/home/somebody/a folder/with a long name/quick"])
def test_they_fit_and_say_where_to_look(drawn: dict[str, xr.Dataset], width: int, root: str) -> None:
    said = closing_words(load_study("quick"), drawn, root, width=width)
    commands = [line for line in said.splitlines() if line.startswith("  blindspots ")]
    assert [line.split()[1] for line in commands] == ["report", "table"]
    assert all(("--root quick" if root == "quick" else f"--root '{root}'") in line for line in commands)
    assert all(len(line) <= width for line in said.splitlines() if line not in commands)
    flat = " ".join(said.split())
    assert verdict_line([drawn["1"], drawn["2"]]) in flat
    assert "This study trains on 10\u202f000 images and not to the end" in said.replace("\n", " ")
    assert "also 2, negatives, bounds" in flat


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("quick", [], "distorts 1\u202f000 of them a set, where the paper takes all 60\u202f000"),
        ("quick", [], "blindspots run mnist is the study in full"),
        ("mnist", ["training.images=500"], "This study trains on 500 images and not to the end, where"),
    ],
)
def test_a_study_that_does_less_says_so(name: str, changes: list[str], said: str) -> None:
    assert said in less_than_the_paper(load_study(name, changes))


@pytest.mark.parametrize("name", ["mnist", "paper"])
def test_a_study_that_does_all_of_it_does_not(name: str) -> None:
    assert less_than_the_paper(load_study(name)) == ""


def test_models_that_are_not_the_paper_s_have_no_verdict(drawn: dict[str, xr.Dataset]) -> None:
    own = load_study("quick")
    own = own.model_copy(update={"models": tuple(each.model_copy(update={"paper": ""}) for each in own.models)})
    assert closing_words(own, drawn, "quick").startswith("Next:")


def test_a_study_without_the_paper_s_tables_has_no_verdict(drawn: dict[str, xr.Dataset]) -> None:
    said = closing_words(load_study("quick"), {"bounds": drawn["bounds"]}, "quick")
    assert "overlap" not in said
    assert "trains on" not in said
    assert "also" not in said
    assert "blindspots table bounds --root quick" in said
