"""The rules and values that sets are made by."""

import pytest
from pydantic import ValidationError

from blindspots.study.sets_spec import NegativesSpec, SetsSpec


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
