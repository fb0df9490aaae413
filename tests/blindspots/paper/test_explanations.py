"""Why cells disagree: the first pattern that fits, and none that no cell can reach."""

from fnmatch import fnmatchcase

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
