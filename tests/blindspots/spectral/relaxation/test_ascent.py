import pytest
import torch

from blindspots.spectral.relaxation.ascent import Ascent


def test_goes_up_to_the_top_within_limits():
    top = torch.tensor([0.3, 2.0, -1.0], dtype=torch.float64)
    values, idle = torch.zeros(3, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for each in (values, idle):
        each.requires_grad_(True)
    ascent = Ascent([values, idle], scales=[1.0, 1.0], most=[1.0, 1.0], steps=150)
    for _ in range(150):
        ascent.step(-(values - top).square())
    assert values.detach().tolist() == pytest.approx([0.3, 1.0, 0.0], abs=1e-3)
    assert idle.tolist() == [0, 0]


def test_moves_in_the_units_that_it_is_given():
    one, large = (torch.zeros(1, dtype=torch.float64).requires_grad_(True) for _ in range(2))
    Ascent([one], scales=[1.0], most=[torch.inf], steps=5).step(one)
    Ascent([large], scales=[torch.tensor([100.0])], most=[torch.inf], steps=5).step(large)
    assert float(large.detach()) == pytest.approx(100 * float(one.detach()))
    assert float(one.detach()) > 0
