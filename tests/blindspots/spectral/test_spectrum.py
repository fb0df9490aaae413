"""The spectrum against dense singular values, and against the transfer matrix as the paper writes it."""

import copy
import math

import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from blindspots.errors import InputError
from blindspots.spectral import spectrum
from blindspots.spectral.spectrum import conv_spectrum, layer_spectra, linear_spectrum


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def cases(draw: st.DrawFn) -> dict:
    two = st.tuples(st.integers(1, 3), st.integers(1, 3))
    groups = draw(st.integers(1, 2))
    shape = (groups * draw(st.integers(1, 3)), draw(st.integers(1, 2)), *draw(two))
    options = {"stride": draw(two), "dilation": draw(two), "groups": groups}
    return {
        "shape": shape,
        "seed": draw(st.integers(0, 2**31)),
        "grid": draw(two.map(lambda n: (n[0] + 1, n[1]))),
        **options,
    }


@settings(max_examples=60)
@given(cases())
def test_at_every_frequency_it_is_the_norm_of_the_papers_matrix(case: dict) -> None:
    """A(xi): the kernel's Fourier transform, as a signal on the whole grid, at xi and its aliases; over the stride."""
    weight, stride, grid = normal(*case["shape"], seed=case["seed"]), case["stride"], case["grid"]
    found = conv_spectrum(weight, stride=stride, dilation=case["dilation"], groups=case["groups"], grid=grid)
    assert found.dims == ("frequency_y", "frequency_x")
    size = [g * s for g, s in zip(grid, stride, strict=True)]
    signal = torch.zeros(*weight.shape[:2], *size, dtype=torch.float64)
    for y in range(weight.shape[2]):
        for x in range(weight.shape[3]):
            place = [tap * d % n for tap, d, n in zip((y, x), case["dilation"], size, strict=True)]
            signal[:, :, place[0], place[1]] += weight[:, :, y, x]
    transform = torch.fft.fft2(signal)
    for at_y in found["frequency_y"].values:
        for at_x in found["frequency_x"].values:
            turns = [round(at * g) for at, g in zip((at_y, at_x), grid, strict=True)]
            aliases = [
                transform[:, :, (turns[0] + i * grid[0]) % size[0], (turns[1] + j * grid[1]) % size[1]]
                for i in range(stride[0])
                for j in range(stride[1])
            ]
            matrix = torch.cat(aliases, 1).unflatten(0, (case["groups"], -1)) / math.sqrt(stride[0] * stride[1])
            expected = float(torch.linalg.matrix_norm(matrix, 2).max())
            value = float(found.sel(frequency_y=at_y, frequency_x=at_x))
            assert value == pytest.approx(expected, rel=1e-7, abs=1e-7)


@settings(max_examples=40)
@given(cases())
def test_its_largest_value_is_the_norm_of_the_circular_layer(case: dict) -> None:
    weight, stride, grid = normal(*case["shape"], seed=case["seed"]), case["stride"], case["grid"]
    size = [g * s for g, s in zip(grid, stride, strict=True)]
    channels = weight.shape[1] * case["groups"]
    inputs = torch.eye(channels * size[0] * size[1], dtype=torch.float64).view(-1, channels, *size)
    reach = [d * (k - 1) for d, k in zip(case["dilation"], weight.shape[2:], strict=True)]
    rows, columns = (torch.arange(n + r) % n for n, r in zip(size, reach, strict=True))
    outputs = F.conv2d(inputs[:, :, rows][..., columns], weight, None, stride, 0, case["dilation"], case["groups"])
    norm = float(torch.linalg.matrix_norm(outputs.flatten(1), 2))
    found = conv_spectrum(weight, stride=stride, dilation=case["dilation"], groups=case["groups"], grid=grid)
    assert float(found.max()) == pytest.approx(norm, rel=1e-9)


def test_one_tap_at_stride_four_has_norm_one_and_not_a_quarter() -> None:
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 2] = 1
    assert conv_spectrum(weight, stride=4, grid=8).values.ravel().tolist() == pytest.approx([1.0] * 64)


def test_a_difference_answers_most_at_the_highest_frequency() -> None:
    found = conv_spectrum(torch.tensor([[[[1.0, -1.0]]]]), grid=16)
    across = 2 * abs(torch.sin(math.pi * torch.tensor(found["frequency_x"].values)))
    torch.testing.assert_close(torch.tensor(found.values), across.double().expand(16, 16), rtol=0, atol=1e-7)
    assert float(found["frequency_x"][0]) == -0.5
    assert float(found.isel(frequency_x=0).max()) == pytest.approx(2)


def test_a_kernel_of_zeros_is_zero() -> None:
    assert not conv_spectrum(torch.zeros(3, 2, 3, 3), stride=2, grid=4).values.any()
    assert not linear_spectrum(torch.zeros(3, 2)).values.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_other_dtypes_are_taken_as_they_are(dtype: torch.dtype) -> None:
    weight = normal(3, 2, 3, 3).to(dtype)
    xr.testing.assert_equal(conv_spectrum(weight, grid=4), conv_spectrum(weight.double(), grid=4))


@pytest.mark.parametrize(
    ("weight", "options", "wrong"),
    [
        (torch.ones(2, 2, 3), {}, r"\(2, 2, 3\); a kernel \(out, in / groups, height, width\)"),
        (torch.ones(2, 2, 3, 3), {"groups": 3}, "groups = 3"),
        (torch.ones(2, 2, 3, 3), {"stride": 0}, "stride = 0"),
        (torch.ones(2, 2, 3, 3), {"dilation": (1, 1, 1)}, "dilation"),
        (torch.ones(2, 2, 3, 3), {"grid": 0}, "grid = 0"),
        (torch.full((1, 1, 1, 1), torch.nan), {}, "finite"),
    ],
)
def test_what_is_no_convolution_is_refused(weight: torch.Tensor, options: dict, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        conv_spectrum(weight, **options)


@pytest.mark.parametrize(("shape", "count", "large"), [((7, 4), 3, False), ((4, 7), 9, False), ((60, 90), 5, True)])
def test_singular_values_fall_from_the_largest(
    shape: tuple[int, int], count: int, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr(spectrum, "_WHOLE", 10)
    weight = normal(*shape)
    expected = torch.linalg.svdvals(weight)[:count]
    found = linear_spectrum(weight, count=count)
    torch.testing.assert_close(torch.tensor(found.values), expected, rtol=1e-5 if large else 1e-12, atol=0)
    assert found["index"].values.tolist() == list(range(1, min(count, *shape) + 1))


@pytest.mark.parametrize(
    ("weight", "count"), [(torch.ones(3), 1), (torch.ones(3, 0), 1), (torch.ones(2, 2), 0), (torch.ones(2, 2) / 0, 1)]
)
def test_what_is_no_matrix_is_refused(weight: torch.Tensor, count: int) -> None:
    with pytest.raises(InputError, match=r"a matrix is wanted|finite"):
        linear_spectrum(weight, count=count)


def test_the_layers_of_a_model_by_name() -> None:
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2),
        nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 3, dilation=2)),
        nn.Flatten(),
        nn.Linear(16, 5),
        nn.Linear(5, 2),
    )
    before = copy.deepcopy(model.state_dict())
    found = layer_spectra(model, grid=6, count=4)
    assert found["convolution"].values.tolist() == ["0", "1.1"]
    assert found["linear"].values.tolist() == ["3", "4"]
    xr.testing.assert_equal(
        found["norm"].sel(convolution="0", drop=True), conv_spectrum(model[0].weight, stride=2, grid=6)
    )
    expected = conv_spectrum(model[1][1].weight, dilation=2, grid=6)
    xr.testing.assert_equal(found["norm"].sel(convolution="1.1", drop=True), expected)
    last = found["singular_value"].sel(linear="4")
    assert last.isnull().values.tolist() == [False, False, True, True]
    assert model.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_model_without_such_layers_is_refused() -> None:
    with pytest.raises(InputError, match="the model, one Sequential, has no convolution and no linear layer"):
        layer_spectra(nn.Sequential(nn.ReLU()))
    assert "norm" not in layer_spectra(nn.Linear(2, 2))
    assert "singular_value" not in layer_spectra(nn.Conv2d(2, 2, 1))
