"""A root verified as a flow: its counts, and a failure that names the damage."""

import logging
from pathlib import Path
from typing import Any

import pytest

from blindspots.jobs.verification import Finding, Verification
from flows.operating import verify as module
from flows.operating.verify import DamagedError, verify
from tests.flows.test_distributed import flip


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "create_markdown_artifact", lambda **fields: found.append(fields))
    monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("a run"))
    return found


def test_damage_fails_the_run_and_is_dropped_where_that_is_wanted(root: Path, told: list[dict[str, Any]]) -> None:
    counts = verify.fn(root=str(root), data=None, repair=False)
    assert (counts["damaged"], counts["missing"]) == (0, 0)
    assert told[-1]["markdown"] == f"{counts['intact']} shards intact, 0 damaged, 0 not done yet."

    flip(root / "study.zarr/sets/fc20-10/seed-0/train/random/perturbation/c/1/0/0/0")
    with pytest.raises(DamagedError, match=r"^1 shard\(s\) are damaged in .*: sets/fc20-10.*; run this with repair"):
        verify.fn(root=str(root), data=None, repair=False)
    with pytest.raises(DamagedError, match="the next run makes them anew"):
        verify.fn(root=str(root), data=None, repair=True)
    assert "- dropped: `sets/fc20-10/seed-0/train/random shard 1: perturbation" in told[-1]["markdown"]
    assert verify.fn(root=str(root), data=None, repair=False)["missing"] == 1


def test_a_page_does_not_grow_with_the_damage() -> None:
    damaged = tuple(Finding("sets/a", shard, "gone") for shard in range(500))
    found = Verification(intact=1, missing=0, damaged=damaged, versions={})
    said = module._told(found, repair=False, dropped=())
    assert said.count("- damaged:") == 20
    assert said.endswith("- and 480 more, which `blindspots verify` lists")
