import copy

import pytest
import torch
from torch import nn

from blindspots.models.unrolled import unrolled
from blindspots.spectral.proof.rounding import Range, evaluated, propagated


def randomised(layer, seed):
    """``layer`` in float64 and evaluation mode, its weights and running statistics drawn from ``seed``."""
    random = torch.Generator().manual_seed(seed)
    layer = layer.double().eval()
    with torch.no_grad():
        for name, value in [*layer.named_parameters(), *layer.named_buffers()]:
            if value.is_floating_point():
                drawn = torch.randn(value.shape, generator=random, dtype=torch.float64)
                value.copy_(drawn.abs() + 0.1 if name.endswith("running_var") else drawn)
    return layer


POOLS = [
    nn.MaxPool2d(2),
    nn.MaxPool2d(3, 1),
    nn.MaxPool2d(3, 2, padding=1),
    nn.MaxPool2d(2, 1, dilation=2),
    nn.MaxPool2d((3, 2), (2, 1), dilation=(2, 1), ceil_mode=True),
    nn.AvgPool2d(2),
    nn.AvgPool2d(3, 1),
    nn.AvgPool2d(3, 2, padding=1),
    nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
    nn.AvgPool2d((3, 2), (2, 3), ceil_mode=True),
    nn.AvgPool2d(2, ceil_mode=True),
    nn.AvgPool2d(2, padding=1, count_include_pad=False),
    nn.AvgPool2d(2, divisor_override=1),
    nn.BatchNorm2d(2),
    nn.BatchNorm2d(2, affine=False),
    nn.LeakyReLU(0.2),
    nn.LeakyReLU(-2.1),
    nn.ReLU(),
    nn.Sigmoid(),
    nn.Tanh(),
]


ROUNDED = [
    nn.Conv2d(2, 3, 3, padding=1, stride=2),
    nn.Conv2d(2, 4, (2, 3), dilation=2, groups=2, bias=False),
    nn.Linear(9, 5),
    nn.Linear(9, 5, bias=False),
    *POOLS,
    nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.LeakyReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(27, 3)
    ),
    nn.Sequential(nn.Conv2d(2, 3, 3), nn.Sigmoid(), nn.MaxPool2d(2), nn.Conv2d(3, 2, 1), nn.Tanh(), nn.Flatten()),
]


@pytest.mark.parametrize("model", ROUNDED, ids=str)
def test_bounds_what_rounding_does_in_each_layer(model):
    single = randomised(copy.deepcopy(model), 4).float()
    double = copy.deepcopy(single).double()
    random = torch.Generator().manual_seed(6)
    images = 2 * torch.rand(50, 2, 8, 9, generator=random) - 1  # as large as images, and of both signs
    exact, ranges = images.double(), Range.of_images(images)
    for layer in unrolled(double):
        exact = evaluated(layer, exact)
        ranges = propagated(layer, ranges, torch.float32)
    with torch.no_grad():
        torch.testing.assert_close(exact, double(images.double()), rtol=1e-12, atol=1e-12)
        off = (single(images) - exact).abs()
    assert (off <= ranges.error).all()
    assert (exact.abs() <= ranges.size).all()
    selecting = isinstance(model, nn.MaxPool2d | nn.ReLU)
    assert (off.amax() == 0) == selecting
    assert bool((ranges.error == 0).all()) == selecting
    assert ranges.error.amax() <= 1e4 * off.amax()  # not for nothing


def test_layers_that_work_in_place_leave_their_inputs():
    values = torch.tensor([[-1.0, 1.0]], dtype=torch.float64)
    assert evaluated(nn.ReLU(inplace=True), values).tolist() == [[0.0, 1.0]]
    assert evaluated(nn.LeakyReLU(0.5, inplace=True), values).tolist() == [[-0.5, 1.0]]
    assert values.tolist() == [[-1.0, 1.0]]


def test_what_underflows_in_float32_is_counted():
    layer = nn.Linear(3, 1, bias=False)
    nn.init.constant_(layer.weight, 1e-26)
    images = torch.full((1, 3), 1e-20)
    assert layer(images).item() == 0  # 3e-46 in exact arithmetic
    inputs = Range(images.double(), torch.zeros(1, 3, dtype=torch.float64))
    assert float(propagated(layer, inputs, torch.float32).error) >= 3 * 1e-46


def test_sums_of_more_terms_than_half_precision_can_bound_are_not_bounded():
    layer = nn.Linear(3000, 1)  # 3000 roundings of 2^-11 each
    inputs = Range.of_images(torch.rand(1, 3000))
    assert float(propagated(layer, inputs, torch.float16).error) == torch.inf
    assert float(propagated(layer, inputs, torch.float32).error) < torch.inf
