"""The projection on several half-spaces inside the box, against scipy's quadratic programs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from blindspots.distortion.projection.fused_polyhedron import fused_project_onto_all
from blindspots.distortion.projection.fused_sweeps import swept
from blindspots.distortion.projection.polyhedron import HalfSpaces, _quadratic, project_onto_all


@pytest.mark.parametrize("constraints", [1, 3, 9])
def test_equals_scipy(problem, constraints):
    origin, half_spaces = problem(constraints, 12, constraints, 20)
    normals, levels = half_spaces
    points, multipliers = project_onto_all(origin, half_spaces)
    assert (multipliers >= 0).all()
    for row in range(12):
        x, a, b = origin[row].numpy(), normals[row].numpy(), levels[row].numpy()
        found = minimize(
            lambda y, x=x: (0.5 * np.sum((y - x) ** 2), y - x),
            x,
            jac=True,
            method="SLSQP",
            bounds=[(0, 1)] * 20,
            constraints={"type": "ineq", "fun": lambda y, a=a, b=b: a @ y - b, "jac": lambda y, a=a: a},
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert found.success
        assert (a @ points[row].numpy() >= b - 1e-9).all()
        assert np.linalg.norm(points[row].numpy() - x) == pytest.approx(np.linalg.norm(found.x - x), rel=1e-5, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_meets_the_optimality_conditions(problem, seed):
    origin, half_spaces = problem(seed, 10, 6, 25)
    normals, levels = half_spaces
    points, multipliers = project_onto_all(origin, half_spaces)
    moved = origin + (multipliers[:, None] @ normals)[:, 0]
    torch.testing.assert_close(points, moved.clamp(0, 1))
    slack = (normals @ points[:, :, None])[:, :, 0] - levels
    assert (slack >= -1e-9).all()
    assert ((slack <= 1e-9) | (multipliers == 0)).all()


@pytest.mark.parametrize("project", [project_onto_all, fused_project_onto_all])
def test_nearly_parallel_normals_need_sweeps_and_an_accuracy_ends_sooner(problem, project):
    """Half-spaces as one boundary gives them at points near each other."""
    origin, (normals, _) = problem(3, 20, 6, 30)
    normals = normals[:, :1] + 0.05 * normals
    levels = (normals @ origin[:, :, None])[:, :, 0] + 0.2 * normals.norm(dim=2)
    half_spaces = HalfSpaces(normals, levels)
    exact, _ = project(origin, half_spaces, sweeps=500)
    way = (exact - origin).norm(dim=1)

    def away(**how):
        return ((project(origin, half_spaces, **how)[0] - exact).norm(dim=1) / way).mean()

    assert away(accuracy=3e-4, sweeps=60) < 0.01
    assert away(accuracy=0.1, sweeps=60) > 2 * away(accuracy=3e-4, sweeps=60)
    assert away(accuracy=3e-4, sweeps=60) < away(accuracy=3e-4, sweeps=1)


@pytest.mark.parametrize("count", [1, 4, 14])
def test_sweeps_row_by_row_are_those_of_all_rows_together(count: int) -> None:
    """A GPU has few rows swept by the CPU."""
    draw = torch.Generator().manual_seed(count)
    normals = torch.nn.functional.normalize(torch.randn(30, count, 40, generator=draw, dtype=torch.float64), dim=2)
    normals[0] = 0  # clipped away
    gram = normals @ normals.transpose(1, 2)
    missing = torch.randn(30, count, generator=draw, dtype=torch.float64)
    multipliers = torch.rand(30, count, generator=draw, dtype=torch.float64)
    expected = _quadratic(gram, missing, multipliers, sweeps=10)
    steps = swept(gram, missing, multipliers, sweeps=10, ridge=1e-6)
    assert steps.shape == (30, count)
    torch.testing.assert_close(steps[1:], expected[1:], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(steps[0], torch.maximum(missing[0] / 1e-6, -multipliers[0]), rtol=1e-6, atol=0)
    assert (multipliers + steps >= -1e-12).all()
    assert (steps == -multipliers).any()
