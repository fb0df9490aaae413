"""The rules and values that sets are made by."""

import pytest
from pydantic import ValidationError

from blindspots.distortion.methods import METHODS, Lbfgs
from blindspots.study.sets_spec import PENALISED, VALUES, NegativesSpec, SetsSpec


@pytest.mark.parametrize(
    "rule",
    [*("nearest", "second", "random", "class-0", "class-9", "class-999"), *("class-ostrich", "class-jack-o'-lantern")],
)
def test_a_rule_names_any_class(rule: str) -> None:
    assert SetsSpec(rules=(rule,)).rules == (rule,)


@pytest.mark.parametrize(
    "rule", ["class-", "class-01", "class--1", "class-1000000", "class-9a", "class-../a", "farthest", " nearest"]
)
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(ValidationError):
        SetsSpec(rules=(rule,))


@pytest.mark.parametrize(
    "fields", [{"rules": ("nearest", "nearest")}, {"splits": ("test", "test")}, {"noise": (0.1, 0.1)}]
)
def test_a_value_stands_once(fields: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ValidationError):
        SetsSpec.model_validate(fields)
    with pytest.raises(ValidationError):
        NegativesSpec(multiples=(1.0, 1.0))


def test_values_of_c_are_for_a_search_over_c() -> None:
    assert Lbfgs().values == VALUES
    assert {f"lbfgs{end}" for end in ("", "-norm")} == set(PENALISED) <= set(METHODS)
    assert "c_values" not in SetsSpec().model_dump()
    assert SetsSpec(targeted_method="lbfgs-norm", c_values=2).model_dump()["c_values"] == 2
    with pytest.raises(ValidationError, match="c_values = 2: no set is made by a search over c; set targeted_method"):
        SetsSpec(c_values=2)
    with pytest.raises(ValidationError):
        SetsSpec(method="lbfgs", c_values=0)
