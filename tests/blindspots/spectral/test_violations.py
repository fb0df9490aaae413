"""The adversarial search: pairs of inputs that a layer spreads apart, for every kind of layer that has a rule.

For each case it looks for a pair that is spread apart further than the upper bound says, and must find none; and it
must come within 1% of the lower bound, so that any claim 1% below what is stated is seen to be wrong.
"""

import copy
import math

import pytest
import torch
from torch import nn

from blindspots.device import one_thread
from blindspots.networks.contrast_normalisation import ContrastNormalisation
from blindspots.spectral.rules.rules import RULES, layer_bound


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():  # these are small: a second thread costs more than it saves, on a busy machine ten times over
        yield


_STARTS = [(0, 1e-5), (0, 1e-2), (0, 1), (1e-3, 1e-5), (0.1, 1e-3), (1, 1e-2), (1, 1), (10, 0.1), (10, 10)]
"""How large an input is to begin with, and how far the second one is from it: the short distances are the limit that
is the Jacobian."""
_RESTARTS = 5


def drawn(layer: nn.Module) -> nn.Module:
    """Give a layer random numbers, of which 1 is none."""
    random = torch.Generator().manual_seed(1)
    for name, values in layer.state_dict().items():
        if values.is_floating_point():
            positive = name == "running_var"
            fresh = (
                torch.rand(values.shape, generator=random) if positive else torch.randn(values.shape, generator=random)
            )
            values.copy_(fresh + 0.1 if positive else fresh)
    return layer


def steepest(layer: nn.Module, shape: tuple[int, ...], *, enough: float, most: int = 150) -> float:
    """Return the largest ``|f(y) - f(x)| / |y - x|`` found, in float64, by gradient ascent from many starts at once.

    The direction from x to y is replaced by the gradient of ``|f(y) - f(x)|^2``, which is power iteration on the
    Jacobian where y is near x; the place of x and the distance follow the gradient by Adam. It ends after ``most``
    steps, or after 30 where it has found ``enough``.
    """
    layer = copy.deepcopy(layer).double().eval().requires_grad_(False)
    random = torch.Generator().manual_seed(0)
    size, distance = torch.tensor(_STARTS, dtype=torch.float64).repeat(_RESTARTS, 1).T
    broadcast = (-1, *[1] * len(shape))
    size, distance = size.view(broadcast), distance.view(broadcast)
    place, direction = torch.randn(2, len(size), *shape, generator=random, dtype=torch.float64)
    stretch = torch.zeros_like(distance)
    optimiser = torch.optim.Adam([place.requires_grad_(), stretch.requires_grad_()], lr=0.1)
    best = 0.0
    for step in range(most):
        direction = direction / direction.flatten(1).norm(dim=1).view(broadcast)
        direction.requires_grad_()
        apart = distance * stretch.clamp(-1, 1).exp()
        x = size * place
        both = layer(torch.cat([x, x + apart * direction]))
        change = (both[len(x) :] - both[: len(x)]).flatten(1).square().sum(dim=1)
        ratio = (change / apart.flatten().square()).sqrt()
        best = max(best, float(ratio.detach().nan_to_num().max()))
        if step >= 30 and best >= enough:
            break
        loss = change.clamp_min(1e-300).log().sum() - 2 * apart.log().sum()
        gradients = torch.autograd.grad(loss, [place, stretch, direction])
        place.grad, stretch.grad = (-gradient.nan_to_num() for gradient in gradients[:2])
        optimiser.step()
        uphill = gradients[2].nan_to_num()
        still = uphill.flatten(1).norm(dim=1).view(broadcast) == 0
        direction = torch.where(still, direction.detach(), uphill)
    return best


def case(layer, *shape, loose=False):
    name = repr(layer).replace(" ", "").replace("\n", "")
    return pytest.param(drawn(layer), shape, loose, id=f"{name}-{'x'.join(map(str, shape))}")


CASES = [
    case(nn.Linear(5, 3), 5),
    case(nn.Linear(3, 6, bias=False), 2, 3),
    case(nn.Conv1d(2, 3, 3, stride=2, padding=1), 2, 9),
    case(nn.Conv2d(2, 3, 3, padding=1), 2, 5, 5),
    case(nn.Conv2d(1, 2, (3, 2), stride=2), 1, 6, 5),
    case(nn.Conv2d(4, 4, 3, padding=1, groups=2), 4, 4, 4),
    case(nn.Conv2d(2, 2, 3, padding="same", dilation=2), 2, 6, 6),
    case(nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), 2, 5, 5),
    case(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), 1, 5, 5),
    case(nn.Conv2d(1, 2, 3, padding=1, padding_mode="replicate"), 1, 5, 5),
    case(nn.Conv3d(1, 2, 2, stride=2, padding=1), 1, 4, 4, 4),
    case(nn.ConvTranspose1d(2, 2, 3, stride=2, output_padding=1), 2, 5),
    case(nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, groups=2), 2, 4, 4),
    case(nn.ConvTranspose3d(1, 1, 2), 1, 3, 3, 3),
    case(nn.ReLU(), 4),
    case(nn.ReLU6(), 4),
    case(nn.LeakyReLU(-1.7), 4),
    case(nn.RReLU(0.5, 2.0), 4),
    case(nn.PReLU(), 4),
    case(nn.PReLU(3), 3, 2),
    case(nn.ELU(1.6), 4),
    case(nn.ELU(-1.6), 4),
    case(nn.CELU(0.4), 4),
    case(nn.SELU(), 4),
    case(nn.GELU(), 4),
    case(nn.GELU("tanh"), 4),
    case(nn.SiLU(), 4),
    case(nn.Mish(), 4),
    case(nn.Softplus(beta=2.0), 4),
    case(nn.Hardtanh(-0.2, 0.3), 4),
    case(nn.Hardsigmoid(), 4),
    case(nn.Hardswish(), 4),
    case(nn.Sigmoid(), 4),
    case(nn.Tanh(), 4),
    case(nn.LogSigmoid(), 4),
    case(nn.Softsign(), 4),
    case(nn.Softshrink(0.3), 4),
    case(nn.Hardshrink(0.0), 4),
    case(nn.Tanhshrink(), 4),
    case(nn.Threshold(0.3, 0.3), 4),
    case(nn.Softmax(-1), 2),
    case(nn.Softmax(1), 5, 3),
    case(nn.Softmax(-1), 3, 1),
    case(nn.Softmin(-1), 6),
    case(nn.Softmax2d(), 4, 2, 2),
    case(nn.LogSoftmax(-1), 2),
    case(nn.LogSoftmax(-1), 10),
    case(nn.MaxPool1d(3, 1), 1, 9),
    case(nn.MaxPool2d(2), 2, 6, 6),
    case(nn.MaxPool2d(3, 2), 1, 7, 7),
    case(nn.MaxPool2d(3, 2), 1, 4, 4),
    case(nn.MaxPool2d(3, 2, padding=1, ceil_mode=True), 1, 6, 6),
    case(nn.MaxPool2d((2, 3), (1, 2), dilation=2), 1, 6, 8),
    case(nn.MaxPool3d(2, 1), 1, 4, 4, 4),
    case(nn.AdaptiveMaxPool1d(3), 1, 7),
    case(nn.AdaptiveMaxPool2d((3, None)), 1, 5, 3),
    case(nn.AdaptiveMaxPool3d(2), 1, 3, 3, 3),
    case(nn.AvgPool1d(3, 2, padding=1), 2, 8),
    case(nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), 1, 7, 7),
    case(nn.AvgPool2d(3, 2, padding=1, ceil_mode=True), 1, 6, 6),
    case(nn.AvgPool2d(2, divisor_override=3), 1, 6, 6),
    case(nn.AvgPool3d((1, 2, 3), 1), 1, 3, 4, 4),
    case(nn.AdaptiveAvgPool1d(3), 1, 7),
    case(nn.AdaptiveAvgPool2d((2, None)), 2, 5, 3),
    case(nn.AdaptiveAvgPool3d(2), 1, 3, 4, 3),
    case(nn.LPPool1d(2, 3, 1), 1, 9),
    case(nn.LPPool2d(2, 5, 2), 1, 9, 9),
    case(nn.LPPool2d(2, 3, 2, ceil_mode=True), 1, 6, 6),
    case(nn.LPPool2d(4, 2, 1), 1, 5, 5),
    case(nn.LPPool2d(1, 2, 1), 1, 5, 5),
    case(nn.LPPool3d(2, 2), 1, 4, 4, 4),
    case(nn.BatchNorm1d(3), 3),
    case(nn.BatchNorm1d(3), 3, 4),
    case(nn.BatchNorm2d(3), 3, 2, 2),
    case(nn.BatchNorm3d(2, affine=False), 2, 2, 2, 2),
    case(nn.LayerNorm(5), 2, 5),
    case(nn.LayerNorm((2, 3), elementwise_affine=False), 4, 2, 3),
    case(nn.LayerNorm(2, eps=1.0), 2),
    case(nn.GroupNorm(2, 6), 6),
    case(nn.GroupNorm(2, 4), 4, 3),
    case(nn.InstanceNorm1d(3), 3, 5),
    case(nn.InstanceNorm2d(3, affine=True), 3, 2, 2),
    case(nn.InstanceNorm2d(3, affine=True, track_running_stats=True), 3, 2, 2),
    case(nn.InstanceNorm3d(2), 2, 2, 2, 2),
    case(nn.RMSNorm(5, eps=1e-7), 2, 5),
    case(nn.RMSNorm(5, eps=0.1), 5),
    case(nn.LocalResponseNorm(5, alpha=1.0, k=2.0), 12, 2, loose=True),
    case(nn.LocalResponseNorm(2, alpha=1.0, beta=3.0), 8, 2, loose=True),
    case(nn.LocalResponseNorm(4, alpha=1e-4, beta=0.05), 8, 2, loose=True),
    case(nn.LocalResponseNorm(9, alpha=5.0, beta=0.75), 5, 2),
    case(nn.LocalResponseNorm(1, alpha=5.0, beta=2.0), 5, 2),
    case(ContrastNormalisation(0.5, 0.75), 3, 2),
    case(ContrastNormalisation(2.0, 6.0, groups=2), 4, 2),
    case(nn.Identity(), 3),
    case(nn.Dropout(), 3),
    case(nn.AlphaDropout(), 3),
    case(nn.Flatten(), 2, 3),
    case(nn.Unflatten(1, (2, 2)), 4, 3),
    case(nn.PixelShuffle(2), 4, 2, 2),
    case(nn.PixelUnshuffle(2), 1, 4, 4),
    case(nn.ChannelShuffle(2), 4, 2, 2),
    case(nn.ZeroPad2d(1), 1, 3, 3),
    case(nn.ConstantPad1d((-1, 2), 0.7), 1, 4),
    case(nn.ReflectionPad2d((1, 2, 0, 1)), 1, 4, 4),
    case(nn.ReplicationPad1d((2, 1)), 1, 3),
    case(nn.CircularPad2d(2), 1, 3, 5),
    case(nn.Unfold(3, stride=2, padding=1), 1, 6, 6),
    case(nn.Upsample(scale_factor=2), 1, 3, 3),
    case(nn.Upsample(size=(5, 7), mode="bilinear", align_corners=True), 1, 3, 3),
    case(nn.Upsample(scale_factor=1.6, mode="bicubic"), 1, 5, 4),
    case(nn.Upsample(scale_factor=(2.0, 1.5, 1.0), mode="trilinear"), 1, 2, 3, 3),
    case(nn.Upsample(size=5, mode="linear"), 2, 3),
    case(nn.UpsamplingBilinear2d(scale_factor=2), 1, 3, 3),
]


@pytest.mark.parametrize(("layer", "shape", "loose"), CASES)
def test_no_pair_violates_a_bound_and_one_violates_anything_lower(layer, shape, loose):
    bound = layer_bound(layer, shape)
    assert bound.tight != loose
    found = steepest(layer, shape, enough=0.995 * bound.upper)
    assert found <= bound.upper * (1 + 1e-9)
    assert found >= 0.99 * bound.lower
    assert math.isfinite(bound.upper)


def test_every_kind_of_layer_is_searched():
    searched = {type(each.values[0]) for each in CASES}
    alike = {nn.Dropout: (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d), nn.AlphaDropout: (nn.FeatureAlphaDropout,)}
    pads = {kind for kind in RULES if "Pad" in kind.__name__}
    missing = set(RULES) - searched - pads - {kind for kinds in alike.values() for kind in kinds}
    assert missing <= {nn.SyncBatchNorm, nn.UpsamplingNearest2d}


@pytest.mark.parametrize(
    ("layer", "shape", "claim"),
    [
        (nn.MaxPool2d(3, 2), (1, 7, 7), 1.0),  # the paper's
        (nn.GELU(), (4,), 1.0),
        (nn.Softmax(-1), (5,), 0.25),
        (nn.LogSoftmax(-1), (10,), 2.0),
        (nn.AvgPool2d(3, 1), (1, 7, 7), 1 / 3),
    ],
)
def test_the_search_refutes_a_claim_that_is_too_low(layer, shape, claim):
    assert steepest(layer, shape, enough=1.1 * claim) > 1.05 * claim
