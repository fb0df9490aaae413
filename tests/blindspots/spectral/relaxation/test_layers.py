import pytest
import torch
from torch import nn

from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.relaxation.layers import linear_layer, slope_of
from blindspots.spectral.relaxation.maps import rows_of
from tests.blindspots.spectral.mixed import Draw

LAYERS = {
    "linear": (nn.Linear(4, 3), (4,)),
    "without bias": (nn.Linear(4, 3, bias=False), (4,)),
    "convolution": (nn.Conv2d(2, 4, 3, 2, padding=(1, 0), groups=2), (2, 5, 6)),
    "same": (nn.Conv1d(1, 2, 3, padding="same", dilation=2), (1, 7)),
    "valid": (nn.Conv1d(1, 2, 3, padding="valid"), (1, 7)),
    "norm": (nn.BatchNorm2d(3), (3, 2, 2)),
    "norm without weights": (nn.BatchNorm1d(3, affine=False), (3,)),
    "mean": (nn.AvgPool2d(2, padding=1, count_include_pad=False), (1, 4, 4)),
    "mean of all": (nn.AdaptiveAvgPool2d((1, 2)), (2, 3, 4)),
    "adaptive mean": (nn.AdaptiveAvgPool1d(5), (1, 7)),
    "adaptive mean of fewer": (nn.AdaptiveAvgPool1d(5), (1, 3)),
}
LAYERS["same, of another kernel"] = (nn.Conv2d(1, 2, 3, padding="same"), (1, 6, 7))
LAYERS["same, of another kernel"][0].weight = nn.Parameter(torch.ones(2, 1, 5, 5))
LAYERS["of one number for both axes"] = (nn.Conv2d(1, 2, (3, 3), (2,), (1,), (2,)), (1, 7, 7))
LAYERS["mean of one number for both axes"] = (nn.AvgPool2d((3,), (2,), (1,)), (1, 7, 7))


@pytest.mark.parametrize("name", LAYERS)
def test_a_map_and_a_constant_do_what_the_layer_does(name):
    layer, shape = LAYERS[name]
    layer = Draw(1).filled(layer).double().eval()
    images = torch.randn(3, *shape, dtype=torch.float64)
    wanted = layer(images)
    one, constant, terms = linear_layer(layer, shape, tuple(wanted.shape[1:]))
    torch.testing.assert_close(one.apply(images) + constant, wanted)
    assert (terms >= constant.abs()).all()
    size = torch.Size(shape).numel()
    used = one.apply(torch.eye(size, dtype=torch.float64).reshape(size, *shape)).flatten(1) != 0
    torch.testing.assert_close(
        torch.stack([rows_of(one, torch.arange(wanted[0].numel()), tuple(wanted.shape[1:]))]).flatten(2)[0],
        one.apply(torch.eye(size, dtype=torch.float64).reshape(size, *shape)).flatten(1).T,
    )
    assert one.terms >= max(int(used.sum(0).max()), int(used.sum(1).max()))


@pytest.mark.parametrize(
    ("layer", "shape", "what"),
    [
        (nn.Linear(4, 3), (2, 4), "along the last of 2 axes"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), (1, 4, 4), "circular padding"),
        (nn.Conv1d(1, 1, 2, padding="same"), (1, 4), "padded on one side more"),
        (nn.BatchNorm1d(3, track_running_stats=False), (3,), "batch's own statistics"),
        (nn.AvgPool2d(2), (4, 4), "of no channels"),
        (nn.AvgPool2d(2, divisor_override=-3), (1, 4, 4), "divisor below 0"),
    ],
)
def test_settings_that_are_not_known(layer, shape, what):
    with pytest.raises(NoRuleError, match=what):
        linear_layer(layer, shape, shape)


def test_a_layer_that_is_not_known():
    class Own(nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs).square()

    assert linear_layer(Own(3, 3), (3,), (3,)) is None
    assert linear_layer(nn.GELU(), (3,), (3,)) is None


def test_slopes():
    assert slope_of(nn.ReLU(), (3,)) is None
    assert float(slope_of(nn.LeakyReLU(0.3), (3,))) == 0.3
    assert slope_of(nn.PReLU(2, init=0.5), (2, 4, 4)).shape == (1, 2, 1, 1)
    assert slope_of(nn.PReLU(1, init=0.5), (2, 4, 4)).shape == ()
