"""Why cells disagree: the first pattern that fits, and none that no cell can reach."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from blindspots.paper import published as paper
from blindspots.paper.explanations import EXPLANATIONS, explanation, explanations_for
from blindspots.study.built_in import BUILT_IN
from blindspots.study.study import Study
from blindspots.tables.agreement import KINDS


def test_the_first_pattern_that_fits_explains() -> None:
    known = {"table2/*/random/fc10-1/*": "first", "table2/*": "second"}
    assert explanation("table2/adversarial/random/fc10-1/fc10-1e-2", known) == "first"
    assert explanation("table2/noise/none/noise-0.3/fc10-1e-2", known) == "second"
    assert explanation("table1/errors/none/fc10-1/test", known) == ""
    assert "half as large" in explanation("table4/amplified/nearest/a/b", EXPLANATIONS)
    assert explanation("table4/amplified/random/a/b", {k: v for k, v in EXPLANATIONS.items() if "nearest" in k}) == ""


def test_explanations_are_of_the_full_scale_and_a_small_study_says_that_it_is_small(tiny: Study) -> None:
    assert explanations_for(BUILT_IN["mnist"][0]) is EXPLANATIONS
    small = explanations_for(tiny)
    assert "trained on 500 images in at most 60 iterations" in explanation("table1/errors/none/fc10-1/test", small)
    assert "half as large" in explanation("table2/adversarial/nearest/fc10-1/fc10-1e-2", small)
    assert explanations_for(tiny.model_copy(update={"dataset": "fashion-mnist"})) == {}


def test_every_cell_of_the_shown_run_that_disagrees_is_explained() -> None:
    """Of the errors in the README and of Table 2 in the tables' page, which mark them; not by what holds for all."""
    root = Path(__file__).parents[3]
    marked = [
        *(f"table1/errors/none/{row}/{split}" for row, split in _marked_errors((root / "README.md").read_text())),
        *_marked_transfer((root / "blindspots" / "tables" / "README.md").read_text()),
    ]
    assert len(marked) == 1 + 8  # as the verdicts below them say: 11 of 12 errors, 22 of 30 sets overlap
    assert [key for key in marked if not explanation(key)] == []


NAMES = {spec.paper: spec.name for spec in BUILT_IN["mnist"][0].models}


def _marked_errors(page: str) -> Iterator[tuple[str, str]]:
    """Yield the model and the split of errors of ours that are marked: each stands after the paper's."""
    for row in _rows(page):
        name = NAMES.get(row[0].partition(" ")[0])
        if name in paper.ON_ALL and len(row) > 5:
            yield from ((name, split) for at, split in ((2, "train"), (4, "test")) if row[at].endswith("!"))


def _marked_transfer(page: str) -> Iterator[str]:
    """Yield the keys of the cells that are marked, paper and ours in one with an arrow between."""
    heads: list[str] = []
    for row in _rows(page):
        if row[0] == "set made for":
            heads = row
        elif heads:
            kind, rule = ("noise", "none") if row[0].startswith("noise") else ("adversarial", "random")
            source = NAMES.get(row[0], f"noise-{row[0].rpartition(' ')[2]}")
            for head, cell in zip(heads, row, strict=False):
                if cell.endswith("!"):
                    yield f"table2/{kind}/{rule}/{source}/{NAMES[head]}"


def _rows(page: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]


def test_every_pattern_is_of_a_cell_that_the_paper_has_and_can_be_reached() -> None:
    known = {*paper.MODELS, "train", "p1", "p2", "test", "noise-0.06", "noise-0.1", "noise-0.3"}
    patterns = list(EXPLANATIONS)
    for index, pattern in enumerate(patterns):
        table, kind, rule, row, column = pattern.split("/")
        assert table in {"table*", "table1", "table2", "table3", "table4"}, pattern
        assert kind in {"*", *KINDS}, pattern
        assert rule in {"nearest", "random", "none"}, pattern
        assert {row, column} <= {"*", *known}, pattern
        assert not any(fnmatchcase(pattern, other) for other in patterns[:index]), f"{pattern} is never reached"
