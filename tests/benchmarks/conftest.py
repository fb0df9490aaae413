"""Benchmarks: ``python -m pytest tests/benchmarks -n 0 -s``. They print ratios, save JSON, gate nothing on time."""

import json
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from blindspots.store.receipts import library_versions

RESULTS = Path(__file__).with_name("results")


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
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
