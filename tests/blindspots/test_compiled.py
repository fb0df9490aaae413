import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest

from blindspots.compiled import compiled

KERNEL = """
import numpy as np
from blindspots.compiled import compiled


@compiled
def total(values):
    found = 0.0
    for value in values:
        found += value
    return found


@compiled
def quotient(first, second):
    return first / second


print(total(np.arange(5.0)), sum(total.stats.cache_hits.values()), quotient(1.0, 0.0), quotient(0.0, 0.0))
"""  # in a file of its own, so that nothing is kept from before


def test_a_kernel_is_kept_on_disk_for_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "kernel.py"
    file.write_text(KERNEL)
    seen = [subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True) for _ in range(2)]
    # and infinity and NaN keep their meaning
    assert [process.stdout.split() for process in seen] == [["10.0", hits, "inf", "nan"] for hits in ("0", "1")]


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def without_a_place(**options: object) -> object:
        asked.append(options.get("cache", False))
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(**options)

    monkeypatch.setattr("blindspots.compiled.numba", SimpleNamespace(njit=without_a_place))
    doubled = compiled(lambda values: 2 * values)
    assert doubled(np.array([1.5])).tolist() == [3.0]
    assert asked == [True, False]


def test_a_kernel_runs_without_pythons_lock() -> None:
    assert compiled(lambda values: values).targetoptions["nogil"] is True
