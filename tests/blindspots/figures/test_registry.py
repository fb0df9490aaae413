"""The figures there are, and which of them a study can have."""

import pytest

from blindspots.figures import FIGURES
from blindspots.tables import TABLES
from tests.blindspots.tables.conftest import changed

OF_UNITS = {"1", "2", "3", "4", "units"}
ASKED_FOR = {"5", "6", "quocnet", "pools"}  # a class that all images are driven to, a detector, a QuocNet, pools
AUTOENCODER = {"name": "ae9-10", "network": "autoencoder", "hidden": [9], "decay": [0]}


@pytest.mark.parametrize("name", FIGURES)
def test_an_entry_says_what_it_shows_and_has_a_section(name: str) -> None:
    entry = FIGURES[name]
    assert entry.name == name
    assert len(entry.title) > 20
    assert (entry.plates is not None) or (len(entry.alt) > 50 and len(entry.caption) > 50)
    in_a_table = any(name in table.figures for table in TABLES.values())
    assert bool(entry.heading) != in_a_table


@pytest.mark.parametrize(
    ("fields", "absent"),
    [
        ({}, {"filters"}),
        ({"models": [AUTOENCODER]}, set()),
        ({"models": [AUTOENCODER], "negatives": {"images": 0}}, {"negatives"}),
        ({"models": [AUTOENCODER], "bounds": {"models": False}}, {"spectrum"}),
        ({"models": [AUTOENCODER], "bounds": {"certified": 0}}, {"brackets"}),
    ],
)
def test_what_a_study_has_nothing_for_is_known_beforehand(fields: dict[str, object], absent: set[str]) -> None:
    study = changed(**fields)
    assert {name for name, entry in FIGURES.items() if entry.lacks(study)} == absent | OF_UNITS | ASKED_FOR


def test_units_are_shown_in_digits_or_in_pictures() -> None:
    asked = {"units": {"rotations": 9}}
    lacking = {name for name in OF_UNITS if FIGURES[name].lacks(changed(**asked))}
    assert lacking == {"3", "4"}
    lacking = {name for name in OF_UNITS if FIGURES[name].lacks(changed(**asked, dataset="/folder/of/pictures"))}
    assert lacking == {"1", "2"}


def test_without_sets_there_are_no_figures_of_them() -> None:
    study = changed(sets={"rules": []})
    assert {"transfer", "distortions", "7", "brackets"} <= {
        name for name, entry in FIGURES.items() if entry.lacks(study)
    }
