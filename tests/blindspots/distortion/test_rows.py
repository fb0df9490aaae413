"""Row-wise arithmetic, against the same with masks."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from blindspots.distortion.rows import dot, inside, take, unblocked, unblocked_like


def values(seed):
    random = torch.Generator().manual_seed(seed)
    point = (1.6 * torch.rand(5, 9, generator=random) - 0.3).clamp(0, 1)
    gradient = torch.randn(5, 9, generator=random) * (torch.rand(5, 9, generator=random) < 0.8)
    return point, gradient, torch.randn(5, 9, generator=random)


@given(seed=st.integers(0, 10**6))
def test_a_value_is_blocked_where_descent_would_leave_the_box(seed):
    point, gradient, other = values(seed)
    blocked = ((point == 0) & (gradient > 0)) | ((point == 1) & (gradient < 0))
    assert torch.equal(unblocked(gradient, point), gradient.masked_fill(blocked, 0))
    still = blocked | ((gradient == 0) & ((point == 0) | (point == 1)))  # a value that nothing moves may count so too
    found = unblocked_like(other, gradient, point)
    assert torch.equal(found[~still], other[~still])
    assert not found[blocked].any()


def test_inside_dot_and_take():
    point, gradient, other = values(1)
    assert torch.equal(inside(gradient, point), gradient * ((point > 0) & (point < 1)))
    torch.testing.assert_close(dot(gradient, other), torch.einsum("nm,nm->n", gradient, other))
    assert torch.equal(take(other, torch.tensor([3, 0])), other[[3, 0]])
