import pytest
import torch

from blindspots.training.autoencoder_objective import AutoencoderObjective
from blindspots.training.curvature import (
    LayerInverse,
    MeanTerm,
    Spectrum,
    StartMatrix,
    class_signs_slope,
    spectrum,
    with_ones,
)
from blindspots.training.objective import Objective, to_vector
from tests.blindspots.training.conftest import Problem
from tests.blindspots.training.test_objective import network

OUT, IN = 3, 4


def moment(size: int, seed: int) -> torch.Tensor:
    rows = torch.randn(20, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return rows.t() @ rows / 20


def dense(inverse: LayerInverse, inputs: int) -> torch.Tensor:
    """The inverse as a matrix, over blocks (outputs, inputs + 1) row by row."""
    columns = []
    for unit in torch.eye(OUT * (inputs + 1), dtype=torch.float64):
        block = unit.view(OUT, inputs + 1)
        weight, bias = inverse(block[:, :-1].contiguous(), block[:, -1].contiguous())
        columns.append(torch.cat([weight, bias[:, None]], dim=1).reshape(-1))
    return torch.stack(columns, dim=1)


def test_a_layers_inverse_is_that_of_the_kronecker_product() -> None:
    below, above = moment(IN + 1, 0), moment(OUT, 1)
    found = dense(LayerInverse(spectrum(below), spectrum(above), None, 0.02, 0.01), IN)
    block = torch.kron(above, below) + 0.03 * torch.eye(OUT * (IN + 1), dtype=torch.float64)
    torch.testing.assert_close(found, torch.linalg.inv(block))


def test_what_is_diagonal_needs_no_product_and_gives_the_same_bits() -> None:
    below, values = spectrum(moment(IN + 1, 0)), torch.tensor([0.5, 0.0, 3.0], dtype=torch.float64)
    unit = torch.eye(OUT, dtype=torch.float64)
    asked = LayerInverse(below, Spectrum(values, torch.full_like(unit, torch.nan), diagonal=True), None, 0.02, 0.01)
    whole = LayerInverse(below, Spectrum(values, unit), None, 0.02, 0.01)
    assert torch.equal(dense(asked, IN), dense(whole, IN))


def test_the_mean_term_is_part_of_what_is_inverted() -> None:
    below, above = moment(IN + 1, 0), moment(OUT, 1)
    mean = torch.rand(IN + 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    bend = torch.tensor([0.5, 2.0, 7.0], dtype=torch.float64)
    term = MeanTerm.within(spectrum(below), spectrum(above), mean, bend, 0.03)
    found = dense(LayerInverse(spectrum(below), spectrum(above), None, 0.02, 0.01, term), IN)
    block = torch.kron(above, below) + torch.kron(torch.diag(bend), torch.outer(mean, mean))
    block += 0.03 * torch.eye(OUT * (IN + 1), dtype=torch.float64)
    torch.testing.assert_close(found, torch.linalg.inv(block))


def test_weights_that_meet_zeros_alone_feel_the_decay_alone() -> None:
    live = torch.tensor([0, 2])
    whole = LayerInverse(spectrum(moment(3, 0)), spectrum(moment(OUT, 1)), live, 0.02, 0.01)
    weight = torch.arange(12.0, dtype=torch.float64).view(OUT, IN)
    bias = torch.ones(OUT, dtype=torch.float64)
    found, found_bias = whole(weight, bias)
    torch.testing.assert_close(found[:, [1, 3]], weight[:, [1, 3]] / 0.02)
    part, part_bias = LayerInverse(whole.inputs, whole.outputs, None, 0.02, 0.01)(weight[:, live], bias)
    torch.testing.assert_close(found[:, live], part)
    torch.testing.assert_close(found_bias, part_bias)


def test_signs_have_the_fisher_matrix_as_their_mean_square() -> None:
    p = torch.tensor([0.9, 0.07, 0.03], dtype=torch.float64)
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 3)
    slopes = class_signs_slope(p.expand(8, 3), signs)
    torch.testing.assert_close(slopes.t() @ slopes / 8, torch.diag(p) - torch.outer(p, p))


def test_softmax_regressions_start_matrix_is_the_inverse_of_its_factors(problem: Problem) -> None:
    """One layer, so that the factors can be written down; signs are drawn, so that the outer one is near its mean."""
    images, labels = problem[0].double(), problem[1]
    model = network((12, 3))
    start = to_vector(model)
    rows = images.flatten(1)
    live = rows.any(dim=0)
    p = model(images).softmax(1).detach()
    fisher = torch.diag(p.mean(0)) - p.t() @ p / len(p)
    objective = Objective(model, images, labels, decay=(0.01,))
    vector = torch.randn(len(start), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    many = torch.stack([objective.start_matrix(start, iteration)(vector) for iteration in range(40)]).mean(dim=0)
    below = with_ones(rows[:, live])
    factors = LayerInverse(spectrum(below.t() @ below / 90), spectrum(fisher), live.nonzero()[:, 0], 0.01, 3e-5)
    weight, bias = factors(vector[:36].view(3, 12), vector[36:])
    expected = torch.cat([weight.reshape(-1), bias])
    assert float((many - expected).norm() / expected.norm()) < 0.1
    assert float((vector / 0.01 - expected).norm() / expected.norm()) > 0.2  # a plain multiple is further off


def start_matrices(problem: Problem) -> list[tuple[StartMatrix, StartMatrix, StartMatrix, int]]:
    """Of every objective: twice the same, then one of another iteration; and how many weights there are."""
    images, labels = problem[0].double(), problem[1]
    found = []
    for sizes in ((12, 3), (12, 5, 3), (12, 6, 4, 3)):
        model = network(sizes)
        objective = Objective(model, images, labels, decay=(1e-3,) * (len(sizes) - 1))
        point = to_vector(model)
        found.append((*(objective.start_matrix(point, iteration) for iteration in (7, 7, 8)), len(point)))
    autoencoder = AutoencoderObjective(images, codes=5)
    point = torch.randn(137, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found.append((*(autoencoder.start_matrix(point, iteration) for iteration in (7, 7, 8)), len(point)))
    return found


@pytest.mark.parametrize("which", range(4))
def test_every_start_matrix_is_symmetric_positive_definite_and_repeatable(problem: Problem, which: int) -> None:
    matrix, same, other, size = start_matrices(problem)[which]
    columns = torch.stack([matrix(unit) for unit in torch.eye(size, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(columns, columns.t(), rtol=1e-8, atol=1e-8 * float(columns.abs().max()))
    assert float(torch.linalg.eigvalsh(columns).min()) > 0
    vector = torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.equal(matrix(vector), same(vector))
    assert not torch.equal(matrix(vector), other(vector))
