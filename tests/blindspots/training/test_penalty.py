import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from blindspots.errors import InputError
from blindspots.identity import identity
from blindspots.networks.build import build_network, layers_of_weights
from blindspots.networks.convolutional import Convolutional
from blindspots.store.place import Place
from blindspots.study.file import validate_study
from blindspots.study.model_spec import ModelSpec
from blindspots.study.training_spec import AdamSpec, TrainingSpec
from blindspots.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from blindspots.training.objective import Objective, to_vector
from blindspots.training.penalty import chain, smooth_norm, smooth_penalty
from blindspots.training.phases import MINIBATCHES, train
from tests.blindspots.training.conftest import Problem
from tests.blindspots.training.test_objective import network

FULL = ModelSpec(name="full", hidden=(6, 5), decay=(1e-3, 1e-4, 1e-4))
CONVOLUTIONAL = ModelSpec(name="c", network="convolutional", channels=(4, 3), hidden=(5,), decay=(1e-3, 0, 0, 1e-4))
TRAINING = TrainingSpec(
    iterations=60, checkpoint_every=15, tolerance=1e-6, adam=AdamSpec(epochs=6, batch=20, rate=0.02)
)


def matrix(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def of_norms(weights: list[torch.Tensor], slope: float, strength: float) -> torch.Tensor:
    """The penalty as it is written, with operator norms, for torch to differentiate."""
    norms = [torch.linalg.matrix_norm(weight, ord=2) for weight in weights]
    return strength * torch.log1p(slope * torch.stack(norms).prod())


def run(problem: Problem, spec: ModelSpec, penalty: float, **changes: object) -> list[Checkpoint]:
    wanted = spec.model_copy(update={"penalty": penalty})
    training = TRAINING.model_copy(update={key: value for key, value in changes.items() if key != "checkpoint"})
    given = changes.get("checkpoint")
    return list(train(wanted, training, *problem, seed=0, classes=3, checkpoint=given))  # type: ignore[arg-type]


def bound(spec: ModelSpec, checkpoint: Checkpoint) -> float:
    """The product of the layers' exact norms, sigmoids' quarters included, from dense matrices."""
    model = build_network(spec, shape=(1, 3, 4), classes=3)
    model.load_state_dict(checkpoint.weights)
    operators = chain(model, (1, 3, 4))
    norms = [
        float(torch.linalg.matrix_norm(dense(layer, shape).detach(), ord=2))
        for layer, shape in zip(operators.layers, operators.shapes, strict=True)
    ]
    return operators.slope * math.prod(norms)


def dense(layer: nn.Module, shape: tuple[int, ...]) -> torch.Tensor:
    """A layer without its bias as a matrix (outputs, inputs), in float64, differentiable by its weight."""
    inputs = torch.eye(math.prod(shape), dtype=torch.float64).unflatten(1, shape)
    weight = layer.weight.double()
    if isinstance(layer, nn.Linear):
        return (inputs @ weight.t()).flatten(1).t()
    assert isinstance(layer, nn.Conv2d)
    settings = (layer.stride, layer.padding, layer.dilation, layer.groups)
    return nn.functional.conv2d(inputs, weight, None, *settings).flatten(1).t()


@given(rows=st.integers(1, 6), columns=st.integers(1, 6), seed=st.integers(0, 99), alike=st.booleans())
def test_the_smooth_norm_is_a_bound_and_has_its_own_gradient(rows: int, columns: int, seed: int, alike: bool) -> None:
    values = matrix(rows, columns, seed=seed)
    if alike:  # all singular values are one: where the norm itself has a kink
        left, _, right = torch.linalg.svd(values, full_matrices=False)
        values = 3 * left @ right
    found = smooth_norm(values)
    sizes = torch.linalg.svdvals(values)
    assert float(sizes[0]) * (1 - 1e-12) <= found.value <= float(sizes[0]) * len(sizes) ** 0.01 * (1 + 1e-12)
    assert found.value == pytest.approx(float(sizes[0] * (sizes / sizes[0]).pow(100).sum() ** 0.01), rel=1e-12)
    step = matrix(rows, columns, seed=seed + 1)
    ahead, behind = (smooth_norm(values + sign * 1e-6 * step).value for sign in (1, -1))
    assert float((found.gradient * step).sum()) == pytest.approx((ahead - behind) / 2e-6, rel=1e-5, abs=1e-6)


def test_a_matrix_of_zeros_and_one_that_is_not_finite() -> None:
    nothing = smooth_norm(torch.zeros(3, 4))
    assert nothing.value == 0
    assert not nothing.gradient.any()
    spoilt = smooth_norm(torch.full((3, 4), math.inf))
    assert math.isnan(spoilt.value)
    assert spoilt.gradient.isnan().all()


def test_the_gradient_is_autograds_through_the_operator_norms() -> None:
    weights = [matrix(4, 6).requires_grad_(), matrix(4, 4, seed=1).requires_grad_(), matrix(3, 4, seed=2)]
    weights[2].requires_grad_()
    expected = of_norms(weights, 1 / 16, 0.3)
    slopes = torch.autograd.grad(expected, weights)
    value, found = smooth_penalty([weight.detach() for weight in weights], slope=1 / 16, strength=0.3)
    assert value == pytest.approx(float(expected.detach()), rel=1e-6)
    for one, other in zip(found, slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)
    # a pull on every weight alike: that of log(1 + L) is L / (1 + L) a layer
    product = math.expm1(value / 0.3)
    for weight, slope in zip(weights, found, strict=True):
        assert float((weight.detach() * slope).sum()) == pytest.approx(0.3 * product / (1 + product), rel=1e-9)


def test_a_layer_of_zeros_ends_the_penalty() -> None:
    value, slopes = smooth_penalty([matrix(3, 4), torch.zeros(2, 3, dtype=torch.float64)], slope=1.0, strength=1.0)
    assert value == 0
    assert not any(slope.any() for slope in slopes)


@pytest.mark.parametrize("sizes", [(12, 3), (12, 5, 3), (12, 6, 4, 3)])
def test_the_objective_has_the_penalty_and_its_gradient(problem: Problem, sizes: tuple[int, ...]) -> None:
    images, labels = problem[0].double(), problem[1]
    model, decay = network(sizes), (0.01,) * (len(sizes) - 1)
    plain, penalised = (Objective(model, images, labels, decay=decay, penalty=each) for each in (0.0, 0.2))
    at = to_vector(model)
    weights = [layer.weight for layer in model.linears]
    expected = of_norms(weights, 0.25 ** (len(sizes) - 2), 0.2)
    slopes = torch.autograd.grad(expected, weights)
    found, before = penalised(at), plain(at)
    assert found.loss - before.loss == pytest.approx(float(expected.detach()), rel=1e-5)
    torch.testing.assert_close(
        found.gradient - before.gradient,
        torch.cat([torch.cat([each.reshape(-1), each.new_zeros(len(each))]) for each in slopes]),
        rtol=1e-3,
        atol=1e-6,
    )
    assert found.errors == before.errors
    assert torch.equal(plain.start_matrix(at, 0)(at), penalised.start_matrix(at, 0)(at))


LAYERS = [
    nn.Linear(12, 5),
    nn.Conv2d(2, 3, 3, stride=2, padding=1),
    nn.Conv2d(2, 4, (2, 3), stride=(1, 2), padding=(0, 2), dilation=(2, 1), groups=2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=["linear", "strided", "grouped"])
def test_power_steps_find_the_operators_own_pair(layer: nn.Module) -> None:
    """Against the dense matrix: the norm, and the gradient that torch finds through its decomposition."""
    shape = (12,) if isinstance(layer, nn.Linear) else (2, 6, 5)
    layer.double()
    with torch.no_grad():
        layer.weight.copy_(matrix(*layer.weight.shape, seed=5))
    operators = chain(layer, shape)
    assert (operators.shapes, operators.slope) == ((shape,), 1.0)
    exact = torch.log1p(torch.linalg.matrix_norm(dense(layer, shape), ord=2))
    (slope,) = torch.autograd.grad(exact, layer.weight)
    begun = operators.start()
    assert float(operators.log_bound(begun).detach()) <= float(exact.detach()) + 1e-12
    followed = operators.followed(begun, 2000)
    found = operators.log_bound(followed)
    assert float(found.detach()) == pytest.approx(float(exact.detach()), rel=1e-10)
    torch.testing.assert_close(torch.autograd.grad(found, layer.weight)[0], slope, rtol=1e-5, atol=1e-8)
    assert torch.equal(begun["0"], operators.start()["0"])


def test_a_vector_survives_weights_of_zero() -> None:
    layer = nn.Linear(4, 3)
    nn.init.zeros_(layer.weight)
    directions = chain(layer, (4,)).followed(chain(layer, (4,)).start())
    assert float(directions["0"].norm()) == pytest.approx(1, rel=1e-6)
    chain(layer, (4,)).log_bound(directions).backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.isfinite().all()


def test_a_networks_layers_meet_their_real_inputs() -> None:
    convolutional = chain(Convolutional((1, 28, 28), (24, 48), (100,), 10), (1, 28, 28))
    assert convolutional.shapes == ((1, 28, 28), (24, 14, 14), (2352,), (100,))
    assert convolutional.slope == 1
    sigmoid = chain(network((12, 5, 4, 3)), (1, 3, 4))
    assert (sigmoid.shapes, sigmoid.slope) == (((12,), (5,), (4,)), 1 / 16)
    for unknown in (
        nn.MaxPool2d(2),
        nn.Conv2d(1, 1, 3, padding="same"),
        nn.Conv2d(1, 1, 3, 1, 1, padding_mode="reflect"),
    ):
        with pytest.raises(InputError, match="has no penalty; a penalised network is made of Linear, Conv2d"):
            chain(nn.Sequential(unknown, nn.Flatten(), nn.Linear(4, 2)), (1, 3, 4))


@pytest.mark.parametrize("spec", [FULL, CONVOLUTIONAL], ids=["full-batch", "minibatches"])
def test_the_penalty_lowers_the_bound(problem: Problem, spec: ModelSpec) -> None:
    adam = TRAINING.adam.model_copy(update={"epochs": 25})
    bounds = [
        bound(spec, run(problem, spec, penalty, iterations=300, adam=adam)[-1]) for penalty in (0.0, 0.01, 0.1, 2.0)
    ]
    assert bounds[1] < 0.9 * bounds[0]
    assert bounds[2] < 0.7 * bounds[1]
    assert bounds[3] < 0.05  # too strong: the network gives up


def test_full_batch_training_converges_where_the_norm_has_a_kink(problem: Problem) -> None:
    """The penalty brings the largest singular values together: there the norm's own gradient jumps."""
    last = run(problem, FULL, 0.1, iterations=3000, checkpoint_every=500, tolerance=1e-5)[-1]
    assert last.reason == "converged"
    assert last.curve["gradient_norm"][-1] <= 1e-5
    sizes = torch.linalg.svdvals(last.weights["layers.3.weight"].double())
    assert sizes[1] > 0.9 * sizes[0]


@pytest.mark.parametrize(
    ("spec", "changes"),
    [(FULL, {}), (FULL, {"warm_epochs": 3}), (CONVOLUTIONAL, {})],
    ids=["full-batch", "warmed", "minibatches"],
)
def test_a_stopped_training_ends_as_one_that_was_not(
    problem: Problem, tmp_path: Path, spec: ModelSpec, changes: dict
) -> None:
    whole = run(problem, spec, 0.05, **changes)
    for stopped in (0, 2):
        write_checkpoint(Place.at(tmp_path), "x", whole[stopped], identity="work")
        checkpoint = read_checkpoint(Place.at(tmp_path), "x", identity="work")
        assert checkpoint is not None
        if checkpoint.phase == MINIBATCHES:
            places = {name for name in checkpoint.memory if name.startswith("penalty:")}
            assert places == {f"penalty:{index}" for index in range(len(spec.decay))}
        rest = run(problem, spec, 0.05, checkpoint=checkpoint, **changes)
        assert len(rest) == len(whole) - stopped - 1
        for name, tensor in whole[-1].weights.items():
            assert torch.equal(rest[-1].weights[name], tensor), name
        assert rest[-1].curve["loss"].tolist() == whole[-1].curve["loss"].tolist()


def test_minibatches_report_the_penalty_in_their_loss(problem: Problem) -> None:
    """At a rate of almost nothing only the penalty sets the two apart."""
    adam = AdamSpec(epochs=1, batch=90, rate=1e-12)
    plain, penalised = (run(problem, CONVOLUTIONAL, each, adam=adam)[-1] for each in (0.0, 0.5))
    expected = 0.5 * math.log1p(bound(CONVOLUTIONAL, plain))
    assert penalised.curve["loss"][0] - plain.curve["loss"][0] == pytest.approx(expected, rel=1e-4)


def test_a_model_without_a_penalty_is_the_work_it_always_was() -> None:
    spec = ModelSpec(name="fc", hidden=(5,), decay=(1e-3, 1e-4), penalty=0)
    assert spec.model_dump_json() == (
        '{"name":"fc","paper":"","network":"fully-connected","hidden":[5],"channels":[],"decay":[0.001,0.0001],'
        '"split":"train","initial":0,"examples":null}'
    )
    left_out = spec.model_dump(mode="json", exclude={"name", "paper", "examples"})
    assert identity(network=left_out) == "2036f4191325386d7a2cc40e8e6e03eae55d672ef371eff41030b2395388343d"
    penalised = spec.model_copy(update={"penalty": 0.1})
    assert penalised.model_dump(mode="json")["penalty"] == 0.1
    assert ModelSpec.model_validate_json(penalised.model_dump_json()) == penalised
    assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec
    assert layers_of_weights(build_network(penalised, shape=(12,), classes=3))[0].weight.shape == (5, 12)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"penalty": -1}, "models.a.penalty = -1: Input should be greater than or equal to 0"),
        (
            {"network": "autoencoder", "penalty": 0.1},
            "penalty = 0.1: a is an autoencoder, which has none; set penalty=0",
        ),
    ],
)
def test_a_penalty_that_cannot_be_is_refused(model: dict, said: str) -> None:
    decay = [1e-3] if "network" in model else [1e-3, 1e-3]
    with pytest.raises(InputError) as error:
        validate_study({"name": "x", "models": [{"name": "a", "hidden": [4], "decay": decay, **model}]})
    assert said in str(error.value)
