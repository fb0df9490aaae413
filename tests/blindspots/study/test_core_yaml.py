"""YAML 1.2: which plain text is a number, true, or nothing, what stays text, and one line for what is no YAML."""

import math
from typing import Any

import pytest
import yaml

from blindspots.study.core_yaml import read_yaml, write_yaml

NOT_SO = (
    *('!!float ""', '!!float "0:0.5"', "!!float 1_0", "!!int 1_0", "!!int 0b1", '!!int ""', "!!int 1.0", "!!null x"),
    *("!!bool no", "!!bool x", "!!seq x", "!!map x", "!!str [x]", "!!int {x: 1}", "!!seq {x: 1}", "!!map [x]"),
)
"""Text under tags that YAML 1.1 reads otherwise, or that nothing does."""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("010", 10), ("0o10", 8), ("0x1F", 31), ("-3", -3), ("+3", 3), ("007", 7), ("0", 0)),
        *(("1e-3", 1e-3), ("1E5", 1e5), ("1.", 1.0), (".5", 0.5), ("-1.5e+3", -1500.0), ("-.inf", -math.inf)),
        *(("yes", "yes"), ("no", "no"), ("on", "on"), ("Off", "Off"), ("y", "y"), ("n", "n")),
        *(("true", True), ("FALSE", False), ("null", None), ("~", None), ("", None)),
        *(("1:30", "1:30"), ("190:20:30", "190:20:30"), ("1_000", "1_000"), ("0b11", "0b11"), ("1.5.0", "1.5.0")),
        *(("2024-01-02", "2024-01-02"), ("=", "="), ("1e", "1e"), ("'010'", "010"), ("!!str 3", "3")),
        *(("!!int '010'", 10), ("!!float 3", 3.0), ("!!bool 'true'", True), ("!!null ''", None)),
        *(("!!seq [1]", [1]), ("!!map {x: 1}", {"x": 1})),
    ],
)
def test_plain_text(text: str, value: Any) -> None:
    found = read_yaml(text)
    assert found == value
    assert type(found) is type(value)
    if text:
        assert read_yaml(f"a: [{text}]") == {"a": [value]}


def test_the_reader_of_others_is_as_it_was() -> None:
    read_yaml("no")
    assert yaml.safe_load("no") is False


def test_anchors_and_merges() -> None:
    assert read_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n")["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "line 5: the key 'c' stands twice, first in line 3"),
        ("seeds: 1\n'seeds': 2\n", "line 2: the key 'seeds' stands twice, first in line 1"),
        ("a: [1\nb: 2\n", "line 2: "),
        ("a:\n\t- b", "line 2: found character '\\t' that cannot start any token"),
        (
            "a: !!python/object:os.system {}",
            "line 1: the tag !!python/object:os.system is none of YAML 1.2's own: !!null",
        ),
        ("a: 1\n---\nb: 2\n", "line 2: but found another document"),
        ("? [1]\n: 2\n", "line 1: found unhashable key"),
        ("a: \x00", "special characters are not allowed"),
        ("9" * 5000, "Exceeds the limit"),
        pytest.param("[" * 5000, "nested too deeply", id="nested"),
    ],
)
def test_what_is_no_yaml_is_said_on_one_line(text: str, said: str) -> None:
    with pytest.raises(ValueError) as found:  # noqa: PT011 - what it says is compared below
        read_yaml(text)
    assert said in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [x, *a]", "line 1: a value that is a part of itself"),
        ("a: &a\n  b: {c: *a}", "a value that is a part of itself"),
        *(
            (f"a: {text}", f"line 1: a value is not of the kind that its tag says, {text.split()[0]}")
            for text in NOT_SO
        ),
        *((f"[{tag} {{x, y}}]", rf"^line 1: the tag {tag} is none of YAML 1.2's own: ") for tag in ("!!set", "!mine")),
        *((f"!!{tag} x", f"line 1: the tag !!{tag} is none of ") for tag in ("timestamp", "binary", "value", "none")),
        *((f"!!{tag} [a: b]", f"line 1: the tag !!{tag} is none of ") for tag in ("omap", "pairs")),
        ("9" * 5000, "limit"),
    ],
)
def test_what_is_made_to_break_a_reader_is_refused_on_one_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as found:
        read_yaml(text)
    assert "\n" not in str(found.value)


@pytest.mark.timeout(20)
def test_aliases_of_aliases_are_not_written_out() -> None:
    """Nine letters, nine times each the line before: four hundred million values in ten lines."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(ValueError, match="aliases that stand for more than 1000000 values"):
        read_yaml("\n".join(lines))
    assert read_yaml("\n".join(lines[:3]))["c"][8][8] == ["x"] * 9


@pytest.mark.parametrize(
    "text",
    ["010", "0o7", "1e5", "yes", "no", "1:30", "~", "", "null", "<<", "0x1f", "-.inf", "2024-01-02", "a: b", "é"],
)
def test_what_is_written_is_read_back_by_any_reader(text: str) -> None:
    content = {"name": text, text: [text, 1, 1e-5, 0.5, True, None, {"deep": [text]}]}
    written = write_yaml(content)
    assert read_yaml(written) == content
    assert yaml.safe_load(written) == content
