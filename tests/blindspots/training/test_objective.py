import pytest
import torch
from torch import nn

from blindspots.networks.build import initialise
from blindspots.networks.fully_connected import FullyConnected
from blindspots.training import inputs
from blindspots.training.objective import Objective, from_vector, to_vector
from blindspots.training.sparse_inputs import SparseInputs
from blindspots.training.weight_vector import split
from tests.blindspots.training.conftest import Problem


def network(sizes: tuple[int, ...], dtype: torch.dtype = torch.float64) -> FullyConnected:
    made = FullyConnected(sizes)
    initialise(made, seed=3)
    for layer in made.linears:
        nn.init.constant_(layer.bias, 0.1)
    return made.to(dtype)


def by_autograd(
    model: FullyConnected, images: torch.Tensor, labels: torch.Tensor, decay: tuple[float, ...], form: str
) -> tuple[float, torch.Tensor]:
    """The objective written as in the paper, its gradient by torch."""
    loss = nn.functional.cross_entropy(model(images), labels)
    for value, layer in zip(decay, model.linears, strict=True):
        squares = layer.weight.square().sum()
        loss = loss + (value / 2 * squares if form == "half-squares" else value * squares / layer.out_features)
    slopes = torch.autograd.grad(loss, [part for layer in model.linears for part in (layer.weight, layer.bias)])
    return loss.item(), torch.cat([slope.reshape(-1) for slope in slopes])


@pytest.mark.parametrize("rows", [7, 90, 1200])
@pytest.mark.parametrize("form", ["half-squares", "per-unit"])
@pytest.mark.parametrize("sizes", [(12, 3), (12, 5, 3), (12, 6, 4, 3)])
def test_loss_and_gradient_are_autograds(
    problem: Problem, sizes: tuple[int, ...], form: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "batch_rows", lambda device: rows)
    images, labels = problem[0].double(), problem[1]
    model = network(sizes)
    decay = (0.3, 0.05, 0.7)[: len(sizes) - 1]
    value = Objective(model, images, labels, decay=decay, form=form)(to_vector(model))
    loss, gradient = by_autograd(model, images, labels, decay, form)
    assert value.loss == pytest.approx(loss, rel=1e-12)
    torch.testing.assert_close(value.gradient, gradient, rtol=1e-10, atol=1e-12)
    assert value.errors == int((model(images).argmax(1) != labels).sum())


@pytest.mark.parametrize("sizes", [(12, 3), (12, 6, 4, 3)])
def test_biases_that_stay_have_no_gradient_and_no_step(problem: Problem, sizes: tuple[int, ...]) -> None:
    images, labels = problem[0].double(), problem[1]
    model = network(sizes)
    objective = Objective(model, images, labels, decay=(0.3, 0.05, 0.7)[: len(sizes) - 1], biases=False)
    value = objective(to_vector(model))
    loss, gradient = by_autograd(model, images, labels, (0.3, 0.05, 0.7)[: len(sizes) - 1], "half-squares")
    shapes = [(layer.out_features, layer.in_features) for layer in model.linears]
    assert value.loss == pytest.approx(loss, rel=1e-12)
    step = objective.start_matrix(to_vector(model), 0)(value.gradient)
    for (weight, bias), (wanted, _), (moved, held) in zip(
        *(split(vector, shapes) for vector in (value.gradient, gradient, step)), strict=True
    ):
        torch.testing.assert_close(weight, wanted, rtol=1e-10, atol=1e-12)
        assert not bias.any()
        assert not held.any()
        assert moved.any()
    assert float(step @ value.gradient) > 0


@pytest.mark.parametrize("rows", [7, 90, 1200])
@pytest.mark.parametrize("sizes", [(12, 3), (12, 5, 3), (12, 16, 4, 3)])
def test_the_sparse_products_give_autograds_gradient_too(
    problem: Problem, sizes: tuple[int, ...], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "batch_rows", lambda device: rows)
    images, labels = problem[0].double() * (problem[0] > 0.7), problem[1]
    assert isinstance(inputs.as_inputs(images), SparseInputs)
    model = network(sizes)
    decay = (0.3, 0.05, 0.7)[: len(sizes) - 1]
    value = Objective(model, images, labels, decay=decay)(to_vector(model))
    loss, gradient = by_autograd(model, images, labels, decay, "half-squares")
    assert value.loss == pytest.approx(loss, rel=1e-12)
    torch.testing.assert_close(value.gradient, gradient, rtol=1e-10, atol=1e-12)
    assert value.errors == int((model(images).argmax(1) != labels).sum())


def test_float32_agrees_with_float64(problem: Problem) -> None:
    images, labels = problem
    decay = (1e-3, 1e-3)
    single, double = network((12, 5, 3), torch.float32), network((12, 5, 3))
    low = Objective(single, images, labels, decay=decay)(to_vector(single))
    high = Objective(double, images.double(), labels, decay=decay)(to_vector(double))
    assert low.loss == pytest.approx(high.loss, rel=1e-6)
    torch.testing.assert_close(low.gradient.double(), high.gradient, rtol=1e-4, atol=1e-6)


def test_a_value_that_is_never_seen_has_the_decays_gradient_alone(problem: Problem) -> None:
    model = network((12, 3))
    value = Objective(model, problem[0].double(), problem[1], decay=(0.5,))(to_vector(model))
    slope = value.gradient[:36].view(3, 12)
    weight = model.linears[0].weight.detach()
    torch.testing.assert_close(slope[:, [2, 7]], 0.5 * weight[:, [2, 7]])
    assert not torch.allclose(slope, 0.5 * weight)


def test_weights_go_into_a_vector_and_back() -> None:
    model, other = network((12, 5, 3)), FullyConnected((12, 5, 3)).double()
    from_vector(other, to_vector(model))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"decay": (1, 1)}, "2 decays do not fit 1 layers"),
        ({"form": "squares"}, "'squares' is neither half-squares nor per-unit"),
        ({"images": torch.rand(4, 5)}, "do not fit the network"),
        ({"labels": torch.zeros(3)}, "do not fit the network"),
        ({"images": torch.rand(0, 12), "labels": torch.zeros(0)}, "do not fit the network"),
    ],
)
def test_what_does_not_fit_is_refused(problem: Problem, changes: dict, said: str) -> None:
    wanted = {"images": problem[0], "labels": problem[1], "decay": (1,), **changes}
    with pytest.raises(ValueError, match=said):
        Objective(
            network((12, 3)),
            wanted["images"],
            wanted["labels"],
            decay=wanted["decay"],
            form=wanted.get("form", "half-squares"),
        )
