"""The projections that the searches are made of, against scipy's quadratic programs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from blindspots.distortion.projection.half_space import project
from blindspots.distortion.projection.polyhedron import HalfSpaces, project_onto_all


def problem(seed, rows, constraints, values):
    random = torch.Generator().manual_seed(seed)
    origin = (1.6 * torch.rand(rows, values, generator=random, dtype=torch.float64) - 0.3).clamp(0, 1)
    normals = torch.randn(rows, constraints, values, generator=random, dtype=torch.float64)
    inside = torch.rand(rows, values, generator=random, dtype=torch.float64)
    return origin, normals, (normals @ inside[:, :, None])[:, :, 0] - 0.05  # the point inside is feasible


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), guess=st.sampled_from([None, 0.0, 0.01, 1.0, 1e3, float("inf")]))
def test_half_space(seed, guess):
    origin, normals, levels = problem(seed, 6, 1, 15)
    normal, level = normals[:, 0], levels[:, 0]
    start = None if guess is None else torch.full_like(level, guess)
    points, multipliers = project(origin, normal, level=level, multiplier=start)
    assert (multipliers >= 0).all()
    torch.testing.assert_close(points, (origin + multipliers[:, None] * normal).clamp(0, 1))
    slack = (normal * points).sum(1) - level
    assert (slack >= -1e-10).all()
    assert ((slack <= 1e-10) | (multipliers == 0)).all()


def test_half_space_out_of_reach():
    points, multipliers = project(
        torch.tensor([[0.2, 0.2], [0.2, 0.2]]), torch.tensor([[1.0, 2.0], [1.0, 2.0]]), level=torch.tensor([4.0, 2.0])
    )
    assert torch.isinf(multipliers).tolist() == [True, False]
    assert points[0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("constraints", [1, 3, 9])
def test_polyhedron_equals_scipy(constraints):
    origin, normals, levels = problem(constraints, 12, constraints, 20)
    points, multipliers = project_onto_all(origin, HalfSpaces(normals, levels))
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
def test_polyhedron_meets_the_optimality_conditions(seed):
    origin, normals, levels = problem(seed, 10, 6, 25)
    points, multipliers = project_onto_all(origin, HalfSpaces(normals, levels))
    moved = origin + (multipliers[:, None] @ normals)[:, 0]
    torch.testing.assert_close(points, moved.clamp(0, 1))
    slack = (normals @ points[:, :, None])[:, :, 0] - levels
    assert (slack >= -1e-9).all()
    assert ((slack <= 1e-9) | (multipliers == 0)).all()
