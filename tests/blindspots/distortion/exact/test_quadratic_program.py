"""The exact projection onto polyhedra, against scipy's quadratic programs, and its proof."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from blindspots.distortion.exact.quadratic_program import ExactProjection, Polyhedra, dual, project_exactly, residual


def polyhedra_of(seed, rows, constraints, values):
    """Origins, some values of which are 0 or 1, and half-spaces that have a point of the box in common."""
    random = torch.Generator().manual_seed(seed)
    origin = (1.6 * torch.rand(rows, values, generator=random, dtype=torch.float64) - 0.3).clamp(0, 1)
    normals = torch.randn(rows, constraints, values, generator=random, dtype=torch.float64)
    step = torch.rand(rows, values, generator=random, dtype=torch.float64) - origin
    return Polyhedra(origin, normals, (normals @ step[:, :, None])[:, :, 0] - 0.02)


@pytest.mark.parametrize("constraints", [1, 2, 7])
def test_equals_scipy(constraints):
    polyhedra = polyhedra_of(constraints, 8, constraints, 14)
    found = project_exactly(polyhedra)
    assert found.reachable.all()
    assert (residual(polyhedra, found) < 1e-10).all()
    for row in range(8):
        x, a, b = (value[row].numpy() for value in (polyhedra.origin, polyhedra.normals, polyhedra.gaps))
        other = minimize(
            lambda s: (0.5 * s @ s, s),
            np.zeros_like(x),
            jac=True,
            method="SLSQP",
            bounds=list(zip(-x, 1 - x, strict=True)),
            constraints={"type": "ineq", "fun": lambda s, a=a, b=b: a @ s - b, "jac": lambda s, a=a: a},
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert other.success
        assert np.linalg.norm(found.step[row].numpy()) == pytest.approx(np.linalg.norm(other.x), rel=1e-6, abs=1e-9)


def test_the_dual_is_never_above_half_the_square_of_a_step():
    polyhedra = polyhedra_of(3, 6, 4, 10)
    found = project_exactly(polyhedra)
    half = found.step.square().sum(1) / 2
    torch.testing.assert_close(dual(polyhedra, found.multipliers), half, rtol=1e-9, atol=1e-15)
    for scale in (0.0, 0.5, 3.0):
        assert (dual(polyhedra, scale * found.multipliers) < half).all()


def test_half_spaces_without_a_common_point_are_proved_to_have_none():
    origin, normals = torch.full((2, 3), 0.5, dtype=torch.float64), torch.eye(3, dtype=torch.float64).expand(2, 3, 3)
    apart = torch.cat([normals[:, :1], -normals[:, :1]], dim=1)
    for polyhedra in (
        Polyhedra(origin, normals, torch.tensor([[0.6, 0.0, 0.0]], dtype=torch.float64).expand(2, 3)),  # out of the box
        Polyhedra(origin, apart, torch.full((2, 2), 0.1, dtype=torch.float64)),  # on two sides at once
        Polyhedra(origin, torch.zeros_like(apart), torch.full((2, 2), 0.1, dtype=torch.float64)),  # 0 >= 0.1
    ):
        found = project_exactly(polyhedra)
        assert not found.reachable.any()
        assert not residual(polyhedra, found).any()


def test_the_residual_finds_what_is_wrong():
    random = torch.Generator().manual_seed(1)
    origin = torch.rand(5, 9, generator=random, dtype=torch.float64)
    normals = torch.randn(5, 3, 9, generator=random, dtype=torch.float64)
    gaps = 0.2 + torch.rand(5, 3, generator=random, dtype=torch.float64)
    polyhedra = Polyhedra(origin, normals, gaps)
    found = project_exactly(polyhedra)
    assert found.reachable.all()
    assert (residual(polyhedra, found) < 1e-11).all()
    further = replace(found, step=1.01 * found.step)  # not the nearest
    assert (residual(polyhedra, further) > 5e-3).all()
    nearer = replace(found, step=0.99 * found.step)  # not in the half-spaces
    assert (residual(polyhedra, nearer) > 1e-3).all()
    other = replace(found, multipliers=0.9 * found.multipliers)
    assert (residual(polyhedra, other) > 1e-2).all()
    one = Polyhedra(origin, normals[:, :1], gaps[:, :1])
    multipliers = 1.1 * project_exactly(one).multipliers
    beyond = (multipliers * normals[:, 0]).maximum(-origin).minimum(1 - origin)
    over = ExactProjection(beyond, multipliers, found.reachable)  # its own clipped sum, in the half-space, too far
    assert (residual(one, over) > 1e-2).all()
    denied = replace(found, reachable=torch.zeros(5, dtype=torch.bool))  # "there is none", without a proof
    assert torch.isinf(residual(polyhedra, denied)).all()
