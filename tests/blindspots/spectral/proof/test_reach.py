import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.spectral.proof.reach import Ball, reach
from blindspots.spectral.proof.sigmoid_network import sigmoid_network
from tests.blindspots.spectral.proof.networks import DEPTHS, around, drawn, images


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), radius=st.floats(0.05, 2))
def test_nothing_in_the_ball_reaches_farther(seed, radius):
    centre = images(1, 5, seed)
    ball = Ball(centre, torch.tensor([radius], dtype=torch.float64))
    directions = torch.randn(20, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    bound = ball.largest(directions[None])[0]
    points = around(centre[0], radius, seed) - centre[0]
    reached = (points @ directions.T).amax(dim=0)
    assert (reached <= bound).all()
    assert (bound <= radius * directions.norm(dim=1) * (1 + 1e-8)).all()
    whole = torch.maximum(directions * ball.low, directions * ball.high).sum(dim=1)
    assert (reached >= 0.75 * torch.minimum(whole, bound) - 1e-9).all()


def test_the_box_holds_back():
    ball = Ball(torch.tensor([[0.0, 1.0, 0.5]], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64))
    directions = torch.tensor([[[-3.0, 4, 0], [3, -4, 0], [0, 4, 3], [-1, 0, 0]]], dtype=torch.float64)
    assert ball.largest(directions)[0].tolist() == pytest.approx([0, 2.5, 1.5, 0], abs=1e-8)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), depth=DEPTHS.filter(bool), radius=st.floats(0.02, 1))
def test_no_sum_leaves_its_range(seed, depth, radius):
    network = sigmoid_network(drawn((5, *depth, 3), seed))
    centre = images(1, 5, seed)
    ranges = reach(network, Ball(centre, torch.tensor([radius], dtype=torch.float64)), network.hidden(centre))
    at = network.hidden(around(centre[0], radius, seed))
    for sums, (low, high) in zip(at, ranges, strict=True):
        assert (sums >= low).all()
        assert (sums <= high).all()
    assert len(ranges) == len(depth)
