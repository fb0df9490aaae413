"""A model's last codes as a network of its own."""

import pytest
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.models.codes import LastCodes, last_linear


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Sigmoid(), nn.Linear(4, 3))


def test_the_codes_are_what_the_last_layer_reads_with_their_gradient(model: nn.Sequential) -> None:
    images = torch.rand(5, 2, 3, requires_grad=True)
    codes = LastCodes(model)(images)
    torch.testing.assert_close(codes, model[:3](images))
    (slope,) = torch.autograd.grad(codes.sum(), images)
    (wanted,) = torch.autograd.grad(model[:3](images).sum(), images)
    torch.testing.assert_close(slope, wanted)
    assert not model[3]._forward_pre_hooks


def test_its_parts_are_the_model_s_once(model: nn.Sequential) -> None:
    moved = LastCodes(model).double()
    assert len(list(moved.parameters())) == len(list(model.parameters()))
    assert moved(torch.rand(2, 2, 3, dtype=torch.float64)).dtype == torch.float64


def test_a_model_without_a_linear_layer_is_refused(model: nn.Sequential) -> None:
    assert last_linear(model) is model[3]
    with pytest.raises(InputError, match="no linear layer"):
        LastCodes(nn.Sequential(nn.Flatten()))
