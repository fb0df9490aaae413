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


print(total(np.arange(5.0)), total.stats.cache_hits[total.signatures[0]] if total.stats.cache_hits else 0)
"""


def test_a_kernel_is_kept_on_disk_for_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "kernel.py"
    file.write_text(KERNEL)
    seen = [subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True) for _ in range(2)]
    assert [process.stdout.split() for process in seen] == [["10.0", "0"], ["10.0", "1"]]


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


def test_nan_and_infinity_keep_their_meaning_and_division_by_zero_is_numpys() -> None:
    @compiled
    def quotient(first: float, second: float) -> float:
        return first / second

    assert np.isnan(quotient(0.0, 0.0))
    assert quotient(1.0, 0.0) == np.inf
    assert quotient(np.nan, 1.0) != quotient(np.nan, 1.0)


def test_a_kernel_runs_without_pythons_lock() -> None:
    assert compiled(lambda values: values).targetoptions["nogil"] is True
