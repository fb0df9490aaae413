"""Random projections: origins in the box, some values of which are 0 or 1, and half-spaces with a point in common."""

import pytest
import torch

from blindspots.distortion.projection.polyhedron import HalfSpaces


def _problem(seed: int, rows: int, constraints: int, values: int) -> tuple[torch.Tensor, HalfSpaces]:
    random = torch.Generator().manual_seed(seed)
    origin = (1.6 * torch.rand(rows, values, generator=random, dtype=torch.float64) - 0.3).clamp(0, 1)
    normals = torch.randn(rows, constraints, values, generator=random, dtype=torch.float64)
    inside = torch.rand(rows, values, generator=random, dtype=torch.float64)
    return origin, HalfSpaces(normals, (normals @ inside[:, :, None])[:, :, 0] - 0.05)  # the point inside is feasible


@pytest.fixture(scope="session")
def problem():
    """Return the function that makes one: ``problem(seed, rows, constraints, values)``."""
    return _problem
