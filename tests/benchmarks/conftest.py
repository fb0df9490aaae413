"""Benchmarks: ``python -m pytest tests/benchmarks -n 0 -s``. They print ratios, save JSON, gate nothing on time."""

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import torch

from blindspots.store.receipts import library_versions

RESULTS = Path(__file__).with_name("results")


@pytest.fixture(scope="session")
def record() -> Callable[[str, Any], None]:
    """Return the function that saves what was measured under ``results/<name>.json``, with machine and versions."""

    def save(name: str, measured: Any) -> None:
        RESULTS.mkdir(exist_ok=True)
        content = {
            "measured": measured,
            "machine": {"cores": len(os.sched_getaffinity(0)), "processor": platform.machine()},
            "versions": library_versions(),
            "date": datetime.now(UTC).date().isoformat(),
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")

    return save


@dataclass(frozen=True)
class Line:
    """One measured number and what is wanted of it: at most, or at least, a target; a stretch goes further."""

    part: str
    what: str
    value: float | None
    at_most: float | None
    at_least: float | None
    stretch: float | None

    @property
    def verdict(self) -> str:
        """Return whether the target is met; nothing where there is none."""
        if self.value is None or (self.at_most is None and self.at_least is None):
            return ""
        sign = 1 if self.at_least is None else -1
        target = self.at_most if self.at_least is None else self.at_least
        if not sign * self.value <= sign * target:
            return "missed"
        return "met" if self.stretch is None or sign * self.value > sign * self.stretch else "stretch met"

    @property
    def wanted(self) -> str:
        """Return the target as text."""
        target = f"<= {self.at_most:g}" if self.at_most is not None else ""
        target = f">= {self.at_least:g}" if self.at_least is not None else target
        return f"{target} ({self.stretch:g})" if self.stretch is not None else target


@dataclass
class Table:
    """What a module's benchmarks measured, part by part; printed at its end."""

    lines: list[Line] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    tests: set[str] = field(default_factory=set)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Gather the lines measured inside, and the time they took."""
        print(f"\n{name} ...", end=" ", flush=True)
        self._part, began = name, perf_counter()
        yield
        self.seconds[name] = perf_counter() - began
        print(f"{self.seconds[name]:.0f} s", flush=True)

    def add(
        self,
        what: str,
        value: float,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        stretch: float | None = None,
    ) -> None:
        """Add a line to the part that is being measured."""
        self.lines.append(Line(self._part, what, float(value), at_most, at_least, stretch))

    def note(self, what: str) -> None:
        """Add a line of text."""
        self.lines.append(Line(self._part, what, None, None, None, None))

    def __str__(self) -> str:
        text, part = [], ""
        for line in self.lines:
            if line.part != part:
                part = line.part
                text += ["", f"{part} ({self.seconds.get(part, float('nan')):.0f} s)"]
            value = "" if line.value is None else f"{line.value:.6g}"
            text.append(f"  {line.what:72} {value:>10}  {line.wanted:15} {line.verdict}".rstrip())
        verdicts = [line.verdict for line in self.lines]
        missed = verdicts.count("missed")
        met = len(verdicts) - missed - verdicts.count("")
        return "\n".join([*text, "", f"{met} met, {missed} missed, {sum(self.seconds.values()):.0f} s in all"])


@pytest.fixture(scope="module")
def whole_table(request: pytest.FixtureRequest, record: Callable[[str, Any], None]) -> Iterator[Table]:
    """Gather what the module's tests measure; print it at the end, and save it if all of them passed."""
    table = Table()
    yield table
    print(f"\n{table}")
    tests = {name for name in vars(request.module) if name.startswith("test_")}
    if request.session.testsfailed or tests - table.tests:
        print("not saved: not every test was run and passed")
        return
    lines = [asdict(line) | {"verdict": line.verdict} for line in table.lines]
    name = Path(request.path).stem.removeprefix("test_")
    record(name, {"threads": torch.get_num_threads(), "lines": lines, "seconds": table.seconds})


@pytest.fixture
def table(whole_table: Table, request: pytest.FixtureRequest) -> Table:
    """The module's table, told which test adds to it."""
    whole_table.tests.add(request.node.originalname)
    return whole_table
