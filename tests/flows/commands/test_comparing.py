"""Studies side by side, by the command line."""

import json
from pathlib import Path

import pytest

from blindspots import results
from tests.blindspots.tables.repetition.conftest import trained
from tests.flows.conftest import Call


def test_two_studies_side_by_side(call: Call, tiny_root: Path, tmp_path: Path) -> None:
    said = call("diff", str(tiny_root), str(tiny_root))
    assert "no field differs" in said
    assert said.count("0 [") > 10
    content = json.loads(call("diff", str(tiny_root), str(tiny_root), "--json", "--limit", "3"))
    assert content["fields"] == []
    assert len(content["transfer"]["records"]) == 3
    assert len(content["errors"]["records"]) == 4
    assert "there is no study in" in call.refusal("diff", str(tiny_root), str(tmp_path / "none"))


def test_readings_of_the_paper_side_by_side(call: Call, tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = str(tiny_root)
    assert "readings takes two stores or more, and got" in call.refusal("readings", one)
    assert "a store is named twice" in call.refusal("readings", one, one)
    assert "too few trainings a network" in call.refusal("readings", one, f"{one}/../{tiny_root.name}/")
    shifts = {one: 0.0, f"{one}/../{tiny_root.name}/": 0.2}
    monkeypatch.setattr(results, "Results", lambda root: trained(shifts[root]))
    said = call("readings", *shifts)
    assert "adversarial, table 2" in said
    kinds = [line for line in said.splitlines() if ", table " in line]
    records = json.loads(call("readings", *shifts, "--json"))["records"]
    assert {(each["reading"], each["kind"]) for each in records} == {
        (name, line.split("  ")[0]) for name in shifts for line in kinds
    }
