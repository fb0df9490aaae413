import pytest
import torch
from torch import nn

from blindspots.spectral.convolution.geometry import conv_geometry
from blindspots.spectral.convolution.operator import ConvOperator

CASES = [
    {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"},
    {"stride": 2, "padding": 2, "dilation": 1, "groups": 2, "padding_mode": "zeros"},
    {"stride": 1, "padding": "same", "dilation": 1, "groups": 1, "padding_mode": "zeros"},  # more behind than before
    {"stride": 3, "padding": 1, "dilation": 2, "groups": 1, "padding_mode": "reflect"},
    {"stride": 1, "padding": 2, "dilation": 1, "groups": 2, "padding_mode": "replicate"},
    {"stride": 2, "padding": 1, "dilation": 1, "groups": 1, "padding_mode": "circular"},
]


def both(arguments):
    """An operator and torch's layer of the same weight."""
    layer = nn.Conv2d(4, 6, (3, 2), bias=False, dtype=torch.float64, **arguments)
    geometry = conv_geometry((3, 2), (9, 8), **arguments)
    return ConvOperator(layer.weight.detach(), geometry), layer


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("arguments", CASES, ids=str)
def test_does_what_the_layer_does_and_its_adjoint_is_one(arguments):
    operator, layer = both(arguments)
    images = drawn(3, 4, 9, 8)
    outputs = operator.apply(images)
    torch.testing.assert_close(outputs, layer(images).detach(), rtol=1e-12, atol=1e-12)
    assert operator.input_shape == (4, 9, 8)
    assert operator.output_shape == tuple(outputs.shape[1:])
    back = drawn(*outputs.shape, seed=1)
    torch.testing.assert_close((outputs * back).sum(), (images * operator.adjoint(back)).sum(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("arguments", CASES, ids=str)
def test_its_dense_matrices_are_its_groups(arguments):
    operator, _ = both(arguments)
    matrices, groups = operator.dense(), arguments["groups"]
    assert matrices.numel() == operator.dense_size
    images = drawn(1, 4, 9, 8)
    parts = images.reshape(groups, -1, 1)
    torch.testing.assert_close((matrices @ parts).reshape(-1), operator.apply(images).reshape(-1))
    last = operator.group([groups - 1])
    torch.testing.assert_close(last.dense()[0], matrices[-1])
