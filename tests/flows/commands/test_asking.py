"""Questions on the command line, asked of a real small study."""

import csv
import json
from pathlib import Path

import pytest

from blindspots.results import QUESTIONS
from tests.flows.conftest import Call


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_answered(
    call: Call, tiny_root: Path, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = call("query", question, "--root", str(tiny_root))
    assert "fc20-10" in said
    assert max(map(len, said.splitlines())) <= 80


def test_an_answer_is_printed_or_written(call: Call, tiny_root: Path, tmp_path: Path) -> None:
    asked = ("query", "by-class", "--root", str(tiny_root), "--model", "fc10", "--reader", "fc20-10", "--class", "3")
    (record,) = json.loads(call(*asked, "--json"))["records"]
    assert (record["model"], record["reader"], record["label"]) == ("fc10", "fc20-10", 3)
    path = tmp_path / "answers" / "one.csv"
    assert call(*asked, "-o", str(path)) == ""
    (row,) = csv.DictReader(path.read_text().splitlines())
    assert float(row["misread"]) == record["misread"]
    assert call(*asked, "-f", "csv") == path.read_text()
    assert "cannot be written" in call.refusal(*asked, "-o", "/proc/x/a.csv")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("who",), "there is no question who; there are fools"),
        (("fools", "--root", "nosuch"), "there is no study in"),
        (("fools", "--model", "nosuch"), "no model is called 'nosuch' in the study tiny; there are fc10, fc20-10"),
        (("fools", "--rule", "second"), "no sets of the rule 'second'"),
        (("fools", "--class", "ostrich"), "no class is called 'ostrich'"),
        (("fools", "--quantile", "0.5"), "takes no quantiles"),
        (("fools", "-o", "a.xls"), "no answer is written as .xls"),
        (("fools", "--root", "nosuch", "--format", "word"), "no format is called 'word'"),
        (("fools", "--root", "nosuch", "-o", "a.csv", "--json"), "leave --format and --json out"),
    ],
)
def test_what_cannot_be_asked_is_refused_on_one_line(
    call: Call, tiny_root: Path, arguments: tuple[str, ...], said: str
) -> None:
    where = () if "--root" in arguments else ("--root", str(tiny_root))
    assert said in call.refusal("query", *arguments, *where)
