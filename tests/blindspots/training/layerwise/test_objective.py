"""The objective by its definition, and its gradient by torch's own."""

import pytest
import torch

from blindspots.networks.local_filtering import decode, encode
from blindspots.networks.quocnet import POOLING_EPS
from blindspots.study.quocnet_size import QuocNetSize
from blindspots.training.layerwise.objective import forward, gradients, losses, place_sums, window_sums
from blindspots.training.layerwise.tile import tiles_of

SHAPE = QuocNetSize(height=12, channels=2, fields=(4,), strides=(2,), maps=3, pool=3).shapes[0]
SPARSITY = 0.3


def objective(weights: dict[str, torch.Tensor], inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return reconstruction and penalty, window by window."""
    codes = encode(weights["filters"], inputs, stride=2)
    drawn = decode(weights.get("decoder", weights["filters"]), codes, channels=2, stride=2)
    padded = torch.nn.functional.pad(codes**2, (2, 2, 2, 2))
    windows = [padded[..., i : i + 3, j : j + 3].sum((2, 3)) for i in range(7) for j in range(7)]
    penalty = sum((window + POOLING_EPS).sqrt().sum() for window in windows)
    return (inputs - drawn).square().sum() / len(inputs), SPARSITY * penalty / len(inputs)


def random_weights(*names: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {name: torch.randn(SHAPE.filters, dtype=torch.double) for name in names}


@pytest.mark.parametrize("names", [("filters",), ("filters", "decoder")])
def test_it_is_what_it_is_defined_as_and_so_is_its_gradient(names: tuple[str, ...]) -> None:
    (tile,) = tiles_of(SHAPE)
    weights = random_weights(*names)
    inputs = torch.randn(4, 2, 12, 12, dtype=torch.double)
    made = forward(weights, inputs, tile)
    residual = made.decoded - inputs
    found = losses(residual, made.energy, tile, sparsity=SPARSITY)
    for weight in weights.values():
        weight.requires_grad_(True)
    wrong, penalty = _differentiable(weights, inputs)
    assert (found.reconstruction, found.penalty) == pytest.approx((wrong.item(), penalty.item()), rel=1e-12)
    assert found.total == found.reconstruction + found.penalty
    expected = torch.autograd.grad(wrong + penalty, [weights[name] for name in names])
    with torch.no_grad():
        slopes = gradients(
            weights, inputs, made.codes.detach(), residual=residual, energy=made.energy, tile=tile, sparsity=SPARSITY
        )
    assert set(slopes) == set(names)
    for name, gradient in zip(names, expected, strict=True):
        torch.testing.assert_close(slopes[name], gradient)


def _differentiable(weights: dict[str, torch.Tensor], inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same through dense matrices, which torch can differentiate."""
    dense = {}
    for name, weight in weights.items():
        rows = []
        for row in range(5):
            for column in range(5):
                field = weight[row, column].reshape(3, 2, 4, 4)
                rows.append(torch.nn.functional.pad(field, (2 * column, 8 - 2 * column, 2 * row, 8 - 2 * row)))
        dense[name] = torch.stack(rows, dim=1).reshape(75, -1)
    codes = inputs.flatten(1) @ dense["filters"].T
    drawn = codes @ dense.get("decoder", dense["filters"])
    sums = window_sums(codes.reshape(-1, 3, 5, 5).square(), 3)
    penalty = SPARSITY * (sums + POOLING_EPS).sqrt().sum() / len(inputs)
    return (drawn - inputs.flatten(1)).square().sum() / len(inputs), penalty


def test_every_place_is_in_as_many_windows() -> None:
    ones = torch.ones(1, 1, 5, 6)
    assert window_sums(ones, 3).shape == (1, 1, 7, 8)
    assert torch.equal(place_sums(window_sums(torch.zeros(1, 1, 5, 6), 3) + 1, 3), 9 * ones)
    windows, places = torch.randn(2, 1, 7, 8), torch.randn(2, 1, 5, 6)
    torch.testing.assert_close((window_sums(places, 3) * windows).sum(), (places * place_sums(windows, 3)).sum())


def test_the_definition_window_by_window() -> None:
    (tile,) = tiles_of(SHAPE)
    weights, inputs = random_weights("filters"), torch.randn(2, 2, 12, 12, dtype=torch.double)
    made = forward(weights, inputs, tile)
    found = losses(made.decoded - inputs, made.energy, tile, sparsity=SPARSITY)
    wrong, penalty = objective(weights, inputs)
    assert (found.reconstruction, found.penalty) == pytest.approx((float(wrong), float(penalty)), rel=1e-12)
