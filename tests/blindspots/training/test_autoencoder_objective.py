import math

import pytest
import torch

from blindspots.training import inputs
from blindspots.training.autoencoder_objective import AutoencoderObjective
from blindspots.training.weight_vector import split
from tests.blindspots.training.conftest import Problem

SHAPES = [(5, 12), (12, 5)]


def start(codes: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randn(25 * codes + 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) / 2


def as_written(
    vector: torch.Tensor, images: torch.Tensor, codes: int, decay: float, rho: float, beta: float
) -> torch.Tensor:
    """The objective as the paper's reference has it, for autograd."""
    (weight, bias), (back, back_bias) = split(vector, [(codes, 12), (12, codes)])
    rows = images.flatten(1)
    hidden = torch.sigmoid(rows @ weight.t() + bias)
    made = torch.sigmoid(hidden @ back.t() + back_bias)
    mean = hidden.mean(dim=0)
    divergence = (rho * torch.log(rho / mean) + (1 - rho) * torch.log((1 - rho) / (1 - mean))).sum()
    squares = weight.square().sum() + back.square().sum()
    return (made - rows).square().sum() / (2 * len(rows)) + decay / 2 * squares + beta * divergence


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("rows", [7, 90])
@pytest.mark.parametrize("codes", [5, 16])
def test_loss_and_gradient_are_autograds(
    problem: Problem, codes: int, rows: int, sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "batch_rows", lambda device: rows)
    images = problem[0].double()
    images = images * (images > 0.7) if sparse else images
    objective = AutoencoderObjective(images, codes=codes, decay=0.03, sparsity=0.2, weight=0.7)
    point = start(codes).requires_grad_()
    loss = as_written(point, images, codes, 0.03, 0.2, 0.7)
    (gradient,) = torch.autograd.grad(loss, point)
    value = objective(point.detach())
    assert value.loss == pytest.approx(loss.item(), rel=1e-12)
    torch.testing.assert_close(value.gradient, gradient, rtol=1e-9, atol=1e-12)
    assert value.errors == 0
    assert objective.images == 90


def test_float32_agrees_with_float64(problem: Problem) -> None:
    low = AutoencoderObjective(problem[0], codes=5)(start().float())
    high = AutoencoderObjective(problem[0].double(), codes=5)(start())
    assert low.loss == pytest.approx(high.loss, rel=1e-6)
    torch.testing.assert_close(low.gradient.double(), high.gradient, rtol=1e-4, atol=1e-5)


def test_the_start_matrix_knows_how_the_divergence_curves(problem: Problem) -> None:
    """Along the codes' biases: the divergence's second derivative by the means, times the means' slopes squared."""
    images, point = problem[0].double(), start()
    direction = torch.zeros_like(point)
    split(direction, SHAPES)[0][1].fill_(1)

    def along(weight: float) -> float:
        matrix = AutoencoderObjective(images, codes=5, weight=weight).start_matrix(point, 0)
        columns = torch.stack([matrix(unit) for unit in torch.eye(len(point), dtype=torch.float64)])
        return float(direction @ torch.linalg.solve(columns, direction))

    weights, bias = split(point, SHAPES)[0]
    hidden = torch.sigmoid(images.flatten(1) @ weights.t() + bias)
    slopes = (hidden * (1 - hidden)).mean(dim=0)
    mean = hidden.mean(dim=0).requires_grad_()
    divergence = (0.1 * torch.log(0.1 / mean) + 0.9 * torch.log(0.9 / (1 - mean))).sum()
    (first,) = torch.autograd.grad(divergence, mean, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), mean)
    expected = 7 * float((second * slopes.square()).sum())
    assert along(7.0) - along(1e-6) == pytest.approx(expected, rel=1e-5)


def test_codes_that_never_stop_firing_are_infinitely_far(problem: Problem) -> None:
    point = start().float()
    split(point, SHAPES)[0][1].fill_(200)
    assert not math.isfinite(AutoencoderObjective(problem[0], codes=5)(point).loss)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sparsity": 0.0}, "sparsity 0.0"),
        ({"sparsity": 1.0}, "sparsity 1.0"),
        ({"images": torch.rand(0, 12)}, "at least one image"),
    ],
)
def test_what_makes_no_sense_is_refused(problem: Problem, changes: dict, said: str) -> None:
    wanted = {"images": problem[0], **changes}
    with pytest.raises(ValueError, match=said):
        AutoencoderObjective(wanted["images"], codes=5, sparsity=wanted.get("sparsity", 0.1))


def test_a_vector_of_another_length_is_refused(problem: Problem) -> None:
    with pytest.raises(ValueError, match="138 weights do not fit layers that have 137"):
        AutoencoderObjective(problem[0].double(), codes=5)(torch.zeros(138, dtype=torch.float64))
