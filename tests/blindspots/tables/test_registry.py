"""The tables there are, which of them a study can have, and which its run draws."""

import subprocess
import sys

import pytest

from blindspots.figures import FIGURES
from blindspots.study.built_in import BUILT_IN
from blindspots.study.study import Study
from blindspots.tables import TABLES, drawn_for, tables_for
from tests.blindspots.tables.conftest import changed

OF_ALL, OF_HALVES = ("1", "2"), ("3", "4")
OURS = ("claims", "negatives", "bounds")


def test_reading_the_registries_imports_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "xarray", "matplotlib", "zarr"}
    code = (
        "import sys; from blindspots.tables import TABLES; from blindspots.figures import FIGURES, SUFFIXES; "
        "assert [entry.title for entry in (*TABLES.values(), *FIGURES.values())]; "
        f"print(*sorted({heavy!r} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize("name", TABLES)
def test_an_entry_is_known_by_its_name_and_says_what_it_shows(name: str) -> None:
    entry = TABLES[name]
    assert entry.name == name
    assert entry.title[0].islower() or entry.title.startswith("AlexNet")
    assert entry.heading
    assert set(entry.figures) <= set(FIGURES)


def test_a_study_has_the_tables_that_it_has_models_for(study: Study) -> None:
    on_all = study.model_copy(update={"models": study.models[:3]})
    on_halves = study.model_copy(update={"models": study.models[3:]})
    assert tables_for(study) == (*OF_ALL, *OF_HALVES, *OURS, "5")
    assert tables_for(on_all) == (*OF_ALL, *OURS, "5")
    assert tables_for(on_halves) == (*OF_HALVES, *OURS, "5")


def test_a_run_draws_table_5_where_weights_are_named(study: Study) -> None:
    assert drawn_for(study) == (*OF_ALL, *OF_HALVES, *OURS)
    assert drawn_for(changed(bounds={"alexnet": "alexnet.pth"})) == (*OF_ALL, *OF_HALVES, *OURS, "5")


@pytest.mark.parametrize(
    ("fields", "absent"),
    [
        ({"negatives": {"images": 0}}, {"negatives"}),
        ({"sets": {"rules": ["random"]}}, {"negatives"}),
        ({"bounds": {"models": False}}, {"bounds"}),
    ],
)
def test_what_a_study_does_not_ask_for_is_not_drawn(fields: dict[str, object], absent: set[str]) -> None:
    assert set(drawn_for(changed())) - set(drawn_for(changed(**fields))) == absent


def test_what_a_penalty_does_is_shown_where_models_differ_in_it_alone() -> None:
    penalty = BUILT_IN["penalty"][0]
    assert "penalty" in drawn_for(penalty)
    without = penalty.model_copy(update={"bounds": penalty.bounds.model_copy(update={"models": False})})
    assert "penalty" not in drawn_for(without)
    assert "sets.splits=[test], the rule and bounds.models=true" in TABLES["penalty"].lacks(without)
