"""That .ci/run has what depends on arithmetic computed as on other processors, and not on this one three times."""

import os
from pathlib import Path

import numba
import numpy as np
import pytest
import torch

from blindspots.compiled import compiled

pytestmark = pytest.mark.numerics
SHORTER = {"haswell": ("zmm",), "nehalem": ("zmm", "ymm")}
"""Registers that a processor has not, by its name."""


def test_torch_computes_as_it_was_told() -> None:
    asked = os.environ.get("ATEN_CPU_CAPABILITY")
    if not asked:
        pytest.skip("as on this processor")
    assert torch.backends.cpu.get_cpu_capability() == asked.upper()


def test_kernels_are_compiled_as_they_were_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = os.environ.get("NUMBA_CPU_NAME")
    if not asked:
        pytest.skip("as on this processor")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))  # of what an earlier run compiled there is no listing

    @compiled
    def product(one: np.ndarray, other: np.ndarray) -> float:
        total = 0.0
        for index in range(len(one)):
            total += one[index] * other[index]
        return total

    assert product(np.ones(100), np.ones(100)) == 100
    assert isinstance(product, numba.core.dispatcher.Dispatcher)
    (code,) = product.inspect_asm().values()
    assert "xmm" in code
    assert not [register for register in SHORTER[asked] if register in code]
