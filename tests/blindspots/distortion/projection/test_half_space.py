"""The projection on one half-space inside the box: its optimality conditions."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.distortion.projection.half_space import project


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), guess=st.sampled_from([None, 0.0, 0.01, 1.0, 1e3, float("inf")]))
def test_the_nearest_point_is_a_clipped_step_along_the_normal(problem, seed, guess):
    origin, (normals, levels) = problem(seed, 6, 1, 15)
    normal, level = normals[:, 0], levels[:, 0]
    start = None if guess is None else torch.full_like(level, guess)
    points, multipliers = project(origin, normal, level=level, multiplier=start)
    assert (multipliers >= 0).all()
    torch.testing.assert_close(points, (origin + multipliers[:, None] * normal).clamp(0, 1))
    slack = (normal * points).sum(1) - level
    assert (slack >= -1e-10).all()
    assert ((slack <= 1e-10) | (multipliers == 0)).all()


def test_out_of_reach():
    points, multipliers = project(
        torch.tensor([[0.2, 0.2], [0.2, 0.2]]), torch.tensor([[1.0, 2.0], [1.0, 2.0]]), level=torch.tensor([4.0, 2.0])
    )
    assert torch.isinf(multipliers).tolist() == [True, False]
    assert points[0].tolist() == [1.0, 1.0]


def test_no_normal_and_no_need():
    origin = torch.tensor([[0.2, 0.6], [0.2, 0.6]])
    points, multipliers = project(origin, torch.zeros(2, 2), level=torch.tensor([0.1, -0.1]))
    assert multipliers.tolist() == [torch.inf, 0]
    assert torch.equal(points[1], origin[1])
