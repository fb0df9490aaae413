import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.spectral.convolution.circular import Grid, best_grid, grid_norm_squared
from blindspots.spectral.convolution.geometry import Axis, Geometry
from blindspots.spectral.convolution.lag_kernel import lag_kernel, polyphase
from blindspots.spectral.convolution.operator import ConvOperator
from blindspots.spectral.convolution.peak import Peak, half_grid, spectral_peak
from blindspots.spectral.convolution.printed_formula import equation_one
from blindspots.spectral.convolution.torus import _riesz, torus_norm_squared
from blindspots.spectral.matrix.semidefinite import proved


def found(weight: torch.Tensor, stride: tuple[int, ...], groups: int = 1):
    lags = lag_kernel(polyphase(weight.double(), stride, (1,) * len(stride), groups))
    return lags, spectral_peak(lags)


def direct(weight: torch.Tensor, stride: tuple[int, ...], turns: list[float], grid: tuple[int, ...]) -> torch.Tensor:
    """The paper's matrix A at one frequency of the coarse grid, in turns: the kernel's transform at all aliases."""
    columns = []
    for alias in itertools.product(*(range(step) for step in stride)):
        fine = [(turn + a) / step for turn, a, step in zip(turns, alias, stride, strict=True)]
        matrix = torch.zeros(weight.shape[:2], dtype=torch.complex128)
        for tap in itertools.product(*(range(size) for size in weight.shape[2:])):
            angle = 2 * math.pi * sum(f * t for f, t in zip(fine, tap, strict=True))
            matrix += weight[(slice(None), slice(None), *tap)].double() * complex(math.cos(angle), math.sin(angle))
        columns.append(matrix)
    return torch.cat(columns, 1) / math.sqrt(math.prod(stride))


@pytest.mark.parametrize(("shape", "stride"), [((3, 2, 5), (2,)), ((2, 5, 3, 2), (1, 3)), ((7, 1, 2, 3, 4), (2, 1, 2))])
def test_the_lag_kernel_is_the_spectrum_squared(shape, stride):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    lags, peak = found(weight, stride)
    for turns in ([0.0] * len(stride), [0.31, 0.82, 0.125][: len(stride)]):
        values = torch.linalg.svdvals(direct(weight, stride, turns, stride)).square()
        frequency = torch.tensor([turns], dtype=torch.float64)
        eigenvalues = torch.linalg.eigvalsh(lags.spectrum(frequency)[0, 0]).flip(0)
        torch.testing.assert_close(eigenvalues[: len(values)], values[: len(eigenvalues)], rtol=1e-12, atol=1e-12)
        assert values[0] <= peak.value * (1 + 1e-9)
    assert lags.side == min(shape[0], shape[1] * math.prod(min(s, k) for s, k in zip(stride, shape[2:], strict=True)))


@st.composite
def axes(draw) -> Axis:
    kernel, stride, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    before, after = draw(st.integers(0, 6)), draw(st.integers(-2, 6))
    least = max(1, dilation * (kernel - 1) + 1 - before - after, 1 - after)
    return Axis(draw(st.integers(least, least + 8)), kernel, stride, dilation, before, after)


@settings(max_examples=300)
@given(axes(), st.integers(0, 3), st.floats(0, 1), st.integers(0, 2**31))
def test_zero_padding_is_part_of_every_shifted_circle_that_is_large_enough(axis, more, shift, seed):
    weight = torch.randn(1, 1, axis.kernel, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    true = float(torch.linalg.matrix_norm(ConvOperator(weight, Geometry((axis,), 1, "zeros")).dense()[0], 2))
    points = (axis.coarse_grid + more) * axis.stride
    places = axis.dilation * torch.arange(axis.kernel)
    circle = torch.zeros(points // axis.stride, points, dtype=torch.complex128)
    for row, start in enumerate(range(0, points, axis.stride)):
        for place, value in zip(places.tolist(), weight.flatten().tolist(), strict=True):
            angle = 2 * math.pi * shift * place / points
            circle[row, (start + place) % points] += value * complex(math.cos(angle), math.sin(angle))
    assert true <= float(torch.linalg.matrix_norm(circle, 2)) * (1 + 1e-12)


def test_the_circle_that_is_large_enough_is_not_larger_than_the_slip_input_grid_says():
    for size, kernel, pad in itertools.product(range(3, 9), (1, 3, 5), range(3)):
        if pad <= kernel // 2:
            assert Axis(size, kernel, 1, 1, pad, pad).coarse_grid <= size + pad
    assert Axis(224, 11, 4, 1, 2, 2).coarse_grid == 57
    assert Axis(1, 1, 1, 1, 5, 5).coarse_grid == 1  # ten outputs read padding alone


@settings(max_examples=100)
@given(st.sampled_from([((4, 3, 4), (1,)), ((3, 4, 3, 2), (2, 1)), ((20, 18, 3, 3), (1, 1))]), st.data())
def test_the_norm_on_a_grid_is_its_highest_frequency(shapes, data):
    (shape, stride), seed = shapes, data.draw(st.integers(0, 2**31))
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    lags, peak = found(weight, stride)
    points = tuple(data.draw(st.integers(1, 9)) for _ in stride)
    grid = tuple(count * step for count, step in zip(points, stride, strict=True))
    square = grid_norm_squared(lags, peak, Grid(points, (0.0,) * len(points)))
    exact = equation_one(weight, grid=grid, stride=stride) ** 2
    assert exact <= square * (1 + 1e-13)
    assert square <= exact * (1 + 2e-7)


def test_a_wrong_estimate_costs_time_alone():
    # the peak is said to lie elsewhere and to be far too low, and the model to be zero: all fail at first
    weight = torch.randn(5, 6, 3, 3, generator=torch.Generator().manual_seed(0))
    lags, peak = found(weight, (1, 1))
    model = lags.restricted(torch.zeros(1, 5, 2, dtype=torch.float64))
    misled = Peak(peak.frequency + 0.3, 0, 1e-3, peak.vector, peak.group_values, model)
    square = grid_norm_squared(lags, misled, Grid((6, 7), (0.0, 0.0)))
    assert square == pytest.approx(equation_one(weight, grid=(6, 7)) ** 2, rel=1e-5)
    assert peak.value <= torus_norm_squared(lags, misled) <= 1.1 * peak.value


@pytest.mark.parametrize("halves", [(0.1, 0.0), (0.03, 0.02), (0.0, 0.2)])
def test_what_a_cell_keeps_of_its_maximum_is_sharp(halves):
    # |1 + e^{2 pi i (3 f1 + 2 f2)}|^2 is highest at 0, and falls as fast as a spectrum of this degree can
    weight = torch.zeros(1, 1, 4, 3)
    weight[..., 0, 0] = weight[..., 3, 2] = 1
    lags, peak = found(weight, (1, 1))
    corner = torch.tensor([halves], dtype=torch.float64)
    assert peak.value == pytest.approx(4)
    assert _riesz(lags, corner[0]) * 4 == pytest.approx(float(lags.spectrum(corner).real), rel=1e-9)


@pytest.mark.parametrize("turns", [0.0, 0.07, 0.2, 0.36, 0.43, 0.5])
@pytest.mark.parametrize("dims", [1, 2])
def test_the_supremum_is_proved_without_knowing_the_peak(turns, dims):
    angles = 2 * math.pi * turns * torch.arange(4, dtype=torch.float64)
    wave = torch.stack([angles.cos(), angles.sin()])[:, None]
    weight = wave if dims == 1 else wave[..., None]
    lags, peak = found(weight, (1,) * dims)
    model = lags.restricted(torch.zeros(1, 1, 1, dtype=torch.float64))
    misled = Peak(0 * peak.frequency, 0, 1e-3, peak.vector, peak.group_values, model)
    fine = half_grid([4000, 1][:dims], lags.lags)
    true = float(lags.spectrum(fine).real.max())
    assert true <= torus_norm_squared(lags, misled) <= 1.01 * true


def test_the_best_grid_has_the_peak_between_its_points():
    weight = torch.ones(1, 1, 3, 3)
    _, peak = found(weight, (1, 1))
    assert best_grid(peak, [14, 9]) == Grid((14, 9), (0.5, 0.5))
    weight[..., 1] = -1  # the peak across is at half a turn, which even grids have
    _, peak = found(weight, (1, 1))
    assert best_grid(peak, [14, 9]) == Grid((14, 9), (0.5, 0.0))
    _, peak = found(torch.ones(2, 2, 1, 3), (1, 1))
    assert best_grid(peak, [14, 9]) == Grid((1, 9), (0.0, 0.5))


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_half_of_a_grid_has_every_frequency_or_its_negative(count, shift):
    like = torch.zeros(1, dtype=torch.float64)
    half = half_grid([count, 3], like, (shift, 0.5))
    kept = {tuple(round(float(value) % 1, 9) for value in sign * row) for row in half for sign in (1, -1)}
    whole = {(round((j + shift) / count % 1, 9), round((k + 0.5) / 3 % 1, 9)) for j in range(count) for k in range(3)}
    assert whole <= kept


@pytest.mark.parametrize("side", [1, 2, 30])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_a_proof_is_neither_wrong_nor_far_off(side, dtype):
    random = torch.Generator().manual_seed(side)
    turn = torch.linalg.qr(torch.randn(side, side, dtype=dtype, generator=random)).Q
    values = torch.linspace(0, 1, side + 1, dtype=torch.float64)[1:] * 3.7
    matrix = (turn * values) @ turn.mH
    top = 3.7
    assert proved(matrix[None], top * (1 + 1e-10), error=1e-12).all()
    assert not proved(matrix[None], top * (1 - 1e-10), error=1e-12).any()
    assert not proved(matrix[None], top * (1 + 1e-10), error=1e-9).any()  # the error is counted
    assert not proved(matrix[None], 0.0, error=0.0).any()
    assert not proved(matrix[None] * math.nan, top, error=0.0).any()
    if side > 1:  # only the lower triangle is read
        assert proved(matrix.tril()[None], top * (1 + 1e-10), error=1e-12).all()


def test_the_supremum_of_all_frequencies_is_proved_close_to_the_peak():
    random = torch.Generator().manual_seed(5)
    for shape, stride in (
        ((4, 3, 4), (1,)),
        ((6, 5, 3, 3), (1, 2)),
        ((24, 20, 3, 3), (1, 1)),
        ((2, 2, 2, 3, 2), (1, 1, 1)),
    ):
        lags, peak = found(torch.randn(shape, generator=random) + 0.5, stride)
        square = torus_norm_squared(lags, peak)
        assert peak.value <= square <= peak.value * (1 + 1.01e-4)
        fine = half_grid([40 if len(stride) < 3 else 12] * len(stride), lags.lags)
        assert float(torch.linalg.eigvalsh(lags.spectrum(fine)).max()) <= square
