"""A class by its name: found, not found, and not alone."""

import pytest

from blindspots.datasets import ArrayDataset, class_label
from blindspots.datasets.class_names import numbered_rules
from blindspots.errors import InputError

NAMES = ("tench, Tinca tinca", "ostrich, Struthio camelus", "crane", "crane", "great white shark", "tench")
DATASET = ArrayDataset(name="six", class_names=NAMES, sha256="", classes_of={}, pixels={})


@pytest.mark.parametrize(
    ("named", "label"),
    [
        *((1, 1), ("1", 1), (" 5 ", 5), ("Ostrich", 1), ("struthio_camelus", 1), ("great_white  shark", 4)),
        ("ostrich, struthio camelus", 1),
        ("tench", 5),  # the whole name goes before one of several
    ],
)
def test_a_class_is_found_by_number_and_name(named: int | str, label: int) -> None:
    assert class_label(DATASET, named) == label


def test_a_name_that_is_a_number_goes_before_the_number() -> None:
    numbers = ArrayDataset(name="n", class_names=("0", "1", "10", "11", "2"), sha256="", classes_of={}, pixels={})
    assert [class_label(numbers, name) for name in ("0", "2", "10", " 3 ", 2)] == [0, 4, 2, 3, 2]
    assert numbered_rules(("class-2", "class-3"), numbers) == ("class-2", "class-3")  # rules say numbers


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("crane", "2 classes of six are called 'crane': say the number, 2, 3"),
        ("white shark", r"no class of six is called 'white shark'; there are great white shark \(4\)"),
        ("ostritch", r"there are ostrich, Struthio camelus \(1\)"),
        ("zzz", r"there are 6, such as tench, Tinca tinca \(0\), tench \(5\)"),
        ("", "no class of six is called ''; there are 6"),
        (6, "six has no class 6; they go from 0 to 5"),
        ("-1", "six has no class -1"),
    ],
)
def test_another_is_refused_with_what_comes_near(named: int | str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        class_label(DATASET, named)


def test_rules_have_numbers() -> None:
    assert numbered_rules(("nearest", "class-ostrich", "class-77"), DATASET) == ("nearest", "class-1", "class-77")
    with pytest.raises(InputError, match="class-1 and class-ostrich are one rule, class-1; leave one of them out"):
        numbered_rules(("class-1", "class-ostrich"), DATASET)
    with pytest.raises(InputError, match="are called 'crane'"):
        numbered_rules(("class-crane",), DATASET)
