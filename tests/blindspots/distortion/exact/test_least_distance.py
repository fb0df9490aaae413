"""The finite method for least distances: where half-spaces meet in a corner, in a point, and not at all."""

import torch

from blindspots.distortion.exact.least_distance import least_step


def solved(origin, normals, gaps):
    values = (torch.tensor(each, dtype=torch.float64) for each in (origin, normals, gaps))
    return least_step(*values)


def test_a_corner_of_two_half_spaces():
    step, multipliers, there = solved([0.2, 0.3], [[1.0, 0.0], [0.0, 1.0]], [0.4, 0.5])
    assert there
    torch.testing.assert_close(step, torch.tensor([0.4, 0.5], dtype=torch.float64))
    torch.testing.assert_close(multipliers, step)


def test_half_spaces_that_meet_in_a_single_point_at_the_edge_of_the_box():
    # x0 <= 0 and x1 <= 0 inside the box: black alone
    step, multipliers, there = solved([0.25, 0.5], [[-1.0, 0.0], [0.0, -1.0], [-0.6, -0.8]], [0.25, 0.5, 0.55])
    assert there
    torch.testing.assert_close(step, torch.tensor([-0.25, -0.5], dtype=torch.float64), rtol=0, atol=1e-14)
    assert (multipliers >= 0).all()
    assert multipliers.max() < 10


def test_out_of_the_boxs_reach_is_proved():
    _, multipliers, there = solved([0.5, 0.5], [[1.0, 0.0]], [0.6])
    assert not there
    assert multipliers[0] * 0.6 > multipliers[0] * 0.5  # more than any step in the box comes to
