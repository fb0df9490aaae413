import math
import os
import warnings
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, svds
from torch import nn

from blindspots.spectral.convolution import norm as module
from blindspots.spectral.convolution.estimate import conv_norm_estimate
from blindspots.spectral.convolution.norm import conv_norm, conv_norm_all_sizes, conv_transpose_norm
from blindspots.spectral.convolution.printed_formula import equation_one

CONVOLUTION = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


LARGEST = {1: 14, 2: 7, 3: 4}


ROUNDING = 1e-13  # of the oracle


@dataclass(frozen=True)
class Case:
    """A small layer's weight, in float32, and the arguments its norm is asked for with."""

    weight: torch.Tensor
    arguments: dict[str, Any]

    @property
    def layer(self) -> nn.Module:
        arguments = dict(self.arguments)
        del arguments["input_size"]
        groups = arguments["groups"]
        dims = self.weight.dim() - 3
        kind = TRANSPOSED[dims] if "output_padding" in arguments else CONVOLUTION[dims]
        one, other = self.weight.shape[0], self.weight.shape[1] * groups
        channels = (one, other) if "output_padding" in arguments else (other, one)
        layer = kind(*channels, tuple(self.weight.shape[2:]), bias=False, dtype=torch.float64, **arguments)
        with torch.no_grad():
            layer.weight.copy_(self.weight)
        return layer

    @property
    def true_norm(self) -> float:
        """The largest singular value of the layer's dense matrix, column by column from the layer itself."""
        layer, size = self.layer, self.arguments["input_size"]
        inputs = math.prod(size) * layer.in_channels
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # uneven padding is copied
            columns = layer(torch.eye(inputs, dtype=torch.float64).view(inputs, layer.in_channels, *size))
        return float(torch.linalg.svdvals(columns.flatten(1))[0])

    @property
    def norm(self):
        return conv_transpose_norm if "output_padding" in self.arguments else conv_norm


@st.composite
def cases(draw, modes: tuple[str, ...] = ("zeros",), transposed: bool = False) -> Case:
    dims = draw(st.sampled_from([1, 1, 2, 2, 2, 3]))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels = st.integers(1, 3 if dims < 3 else 2)
    shape = [draw(channels) * groups, draw(channels)]
    kernel = [draw(st.integers(1, 4 if dims < 3 else 3)) for _ in range(dims)]
    stride = tuple(draw(st.integers(1, 4)) for _ in range(dims))
    dilation = tuple(draw(st.integers(1, 3)) for _ in range(dims))
    padding: str | tuple[int, ...] = tuple(draw(st.integers(0, 3)) for _ in range(dims))
    arguments: dict[str, Any] = {"stride": stride, "dilation": dilation, "groups": groups}
    size = []
    for axis in range(dims):
        reach, pad = dilation[axis] * (kernel[axis] - 1), padding[axis]
        least = 1 if transposed else max(1, reach + 1 - 2 * pad, pad + 1)
        if transposed:  # at least one output
            least = max(1, math.ceil((2 * pad - reach) / stride[axis]) + 1)
        size.append(draw(st.integers(least, max(least, LARGEST[dims]))))
    if transposed:
        extra = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
        arguments["output_padding"] = tuple(extra)
    else:
        arguments["padding_mode"] = draw(st.sampled_from(modes))
        if draw(st.integers(0, 7)) == 0 and arguments["padding_mode"] == "zeros":
            padding, arguments["stride"] = "same", (1,) * dims
    arguments |= {"padding": padding, "input_size": tuple(size)}
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    weight = torch.randn(*shape, *kernel, generator=random)
    kind = draw(st.sampled_from(["normal", "normal", "positive", "signs", "sparse"]))
    if kind == "positive":
        weight = weight.abs()
    elif kind == "signs":
        weight = weight.sign()
    elif kind == "sparse":
        weight = weight * (torch.rand(weight.shape, generator=random) < 0.4)
    return Case(weight, arguments)


def check_holds(case: Case, *, lower_within: float = 1e-6, **options: Any) -> None:
    true = case.true_norm
    bound = case.norm(case.weight, **case.arguments, **options)
    assert bound.lower <= true * (1 + ROUNDING)
    assert bound.upper >= true * (1 - ROUNDING)
    assert bound.lower >= true * (1 - lower_within)


@settings(max_examples=450)
@given(cases())
def test_holds_on_the_general_path(case):
    check_holds(case, dense=0, tolerance=1e-8)


@settings(max_examples=250)
@given(cases(transposed=True))
def test_holds_for_transposed_convolutions(case):
    check_holds(case, dense=0, tolerance=1e-8)


@settings(max_examples=150)
@given(cases(modes=("reflect", "replicate", "circular")))
def test_holds_for_every_padding_mode(case):
    check_holds(case, dense=0, tolerance=1e-8)


@settings(max_examples=150)
@given(cases())
def test_holds_by_all_frequencies_where_a_grid_would_be_too_large(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_GRID_WORK", 0)
        check_holds(case, dense=0, tolerance=1e-8)


@settings(max_examples=150)
@given(cases(modes=("zeros", "reflect", "replicate", "circular")) | cases(transposed=True))
def test_is_tight_by_the_dense_matrix(case):
    true = case.true_norm
    bound = case.norm(case.weight, **case.arguments)
    assert true * (1 - 1e-9) <= bound.lower <= true * (1 + ROUNDING)
    assert true * (1 - ROUNDING) <= bound.upper <= true * (1 + 1e-8)
    assert bound.tight or true == 0


@settings(max_examples=100)
@given(cases())
def test_no_size_exceeds_the_supremum_over_all_sizes(case):
    strided = {name: case.arguments[name] for name in ("stride", "dilation", "groups")}
    bound = conv_norm_all_sizes(case.weight, **strided)
    assert case.true_norm <= bound.upper * (1 + ROUNDING)
    assert bound.upper <= bound.lower * 1.05  # 1e-4 but where the spectrum is as high almost everywhere
    if set(case.arguments["dilation"]) == {1}:
        grid = tuple(step * 12 for step in case.arguments["stride"])
        assert equation_one(case.weight, grid=grid, stride=strided["stride"], groups=strided["groups"]) <= bound.upper


def test_of_a_difference_is_more_than_on_its_own_grid():
    # slip "input grid": the circular norm on the input's own 3 points is no upper bound
    weight = torch.tensor([[[1.0, -1.0]]])
    true = 2 * math.sin(5 * math.pi / 14)
    assert equation_one(weight, grid=[3]) == pytest.approx(math.sqrt(3), rel=1e-12)
    for dense in (0, 100):
        bound = conv_norm(weight, input_size=[3], padding="same", dense=dense, tolerance=1e-9)
        assert bound.lower == pytest.approx(1.80194, abs=1e-5)
        assert bound.lower <= true <= bound.upper
    supremum = conv_norm_all_sizes(weight)
    assert supremum.lower <= 2 * (1 + 1e-15)
    assert 2 <= supremum.upper < 2.001


def test_of_one_tap_is_its_own_norm_whatever_the_stride():
    weight = torch.zeros(1, 1, 4, 4)
    weight[0, 0, 1, 2] = 1
    for dense in (0, 10_000):
        bound = conv_norm(weight, input_size=(16, 16), stride=4, dense=dense, tolerance=1e-9)
        assert bound.lower == pytest.approx(1, rel=1e-9)
        assert 1 <= bound.upper < 1 + 1e-6
    assert equation_one(weight, grid=(16, 16), stride=4, form="printed") == pytest.approx(1 / 4)


def test_agrees_with_svds_on_a_layer_too_large_for_a_dense_matrix():
    random = torch.Generator().manual_seed(3)
    layer = nn.Conv2d(16, 24, 3, stride=2, padding=1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=random) + 0.1)
    arguments = {"input_size": (30, 30), "stride": 2, "padding": 1, "tolerance": 1e-6}
    bound = conv_norm(layer.weight, **arguments)
    assert "Lanczos" in bound.method
    assert bound.residual <= 1e-6
    image = torch.zeros(1, 16, 30, 30, dtype=torch.float64)

    def forward(vector):
        return layer(torch.from_numpy(vector).reshape(image.shape)).detach().flatten().numpy()

    def backward(vector):
        outputs, pull = torch.func.vjp(layer, image)
        return pull(torch.from_numpy(vector).reshape(outputs.shape))[0].detach().flatten().numpy()

    operator = LinearOperator((24 * 15 * 15, image.numel()), forward, backward, dtype="float64")
    true = svds(operator, k=1, return_singular_vectors=False, random_state=0)[0]
    assert bound.lower == pytest.approx(true, rel=1e-8)
    assert true <= bound.upper <= 1.01 * true


@pytest.mark.parametrize("peak", [0.0, 0.5, 0.25, 0.2, 0.31])
def test_a_shifted_grid_is_nearly_exact_around_one_peak(peak):
    # kernels that wave at one frequency: the norm there is reached by waves without end, and by no image of 13 pixels
    angles = 2 * math.pi * peak * torch.tensor([-1.0, 0, 1])
    waves = torch.stack([angles.cos(), angles.sin()])
    weight = torch.einsum("ah,bw->abhw", waves, waves).reshape(4, 1, 3, 3)
    bound = conv_norm(weight, input_size=(13, 13), padding=1, dense=0)
    assert bound.method.startswith("grid")
    assert bound.upper <= 1.01 * bound.lower
    assert conv_norm_all_sizes(weight).lower > 1.01 * bound.upper


def test_of_groups_is_the_largest_of_their_norms():
    random = torch.Generator().manual_seed(1)
    weight = (
        torch.randn(24, 5, 3, 3, generator=random) * torch.linspace(0.5, 1, 4).repeat_interleave(6)[:, None, None, None]
    )
    arguments = {"input_size": (11, 12), "padding": 1, "dense": 0, "tolerance": 1e-8}
    whole = conv_norm(weight, groups=4, **arguments)
    each = [conv_norm(part, **arguments) for part in weight.chunk(4)]
    assert whole.lower == pytest.approx(max(bound.lower for bound in each), rel=1e-8)
    assert whole.upper == pytest.approx(max(bound.upper for bound in each), rel=1e-2)
    assert conv_transpose_norm(weight, groups=4, input_size=(9, 10)).upper == pytest.approx(
        max(conv_transpose_norm(part, input_size=(9, 10)).upper for part in weight.chunk(4)), rel=1e-2
    )


def test_circular_padding_has_the_circular_norm():
    random = torch.Generator().manual_seed(2)
    weight = torch.randn(20, 10, 3, 3, generator=random)
    arguments = {"stride": 2, "padding": 1, "padding_mode": "circular"}
    bound = conv_norm(weight, input_size=(24, 16), dense=0, tolerance=1e-6, **arguments)
    exact = equation_one(weight, grid=(24, 16), stride=2)
    assert bound.lower <= exact * (1 + ROUNDING)
    assert exact <= bound.upper * (1 + ROUNDING)
    assert bound.tight


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("dense", [0, 10**6])
def test_takes_every_dtype_as_it_is(dtype, dense):
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    bound = conv_norm(weight, input_size=(6, 6), padding=1, dense=dense)
    assert bound == conv_norm(weight.double(), input_size=(6, 6), padding=1, dense=dense)


@pytest.mark.parametrize("factor", [1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("dense", [0, 10**6])
def test_neither_overflows_nor_vanishes(factor, dense):
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain = conv_norm(weight, input_size=(6, 6), padding=1, dense=dense)
    scaled = conv_norm(weight * factor, input_size=(6, 6), padding=1, dense=dense)
    assert scaled.lower == pytest.approx(plain.lower * factor, rel=1e-6)
    assert scaled.upper == pytest.approx(plain.upper * factor, rel=1e-6)


def test_of_zero_is_zero():
    assert conv_norm(torch.zeros(3, 2, 3, 3), input_size=(5, 5)).upper == 0
    assert conv_transpose_norm(torch.zeros(3, 2, 3), input_size=[5]).upper == 0
    assert conv_norm_all_sizes(torch.zeros(3, 2, 3)).upper == 0
    assert conv_norm_estimate(torch.zeros(3, 2, 3), input_size=[5]).upper == 0
    # one tap, stride 3: the only outputs read padding
    assert conv_norm(torch.ones(1, 1, 1), input_size=[1], stride=3, padding=1, dense=0).upper == 0


def test_leaves_all_as_it_was_and_ignores_autocast():
    weight = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    arguments = {"input_size": (9, 9), "padding": 1, "dense": 0}
    threads, state, before = torch.get_num_threads(), torch.get_rng_state(), weight.detach().clone()
    plain = conv_norm(weight, **arguments)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert conv_norm(weight, **arguments) == plain
        assert torch.is_autocast_enabled("cpu")
    with torch.inference_mode():
        assert conv_norm(weight, **arguments) == plain
    assert torch.equal(weight, before)
    assert weight.grad is None
    assert torch.is_grad_enabled()
    assert threads == torch.get_num_threads()
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.real_weights
def test_of_alexnet_are_as_measured():
    from safetensors.torch import load_file

    weights = load_file(os.environ["BLINDSPOTS_ALEXNET"])
    layers = [(0, 224, 4, 2), (3, 27, 1, 2), (6, 13, 1, 1), (8, 13, 1, 1), (10, 13, 1, 1)]
    known = [9.0748, 14.9753, 12.1382, 14.3250, 16.6019]
    for (index, size, stride, padding), true in zip(layers, known, strict=True):
        arguments = {"input_size": (size, size), "stride": stride, "padding": padding}
        bound = conv_norm(weights[f"features.{index}.weight"], **arguments)
        assert bound.lower == pytest.approx(true, abs=2e-4)
        assert true - 1e-4 <= bound.upper <= 1.0013 * true
