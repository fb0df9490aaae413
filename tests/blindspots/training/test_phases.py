import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from blindspots.store.place import Place
from blindspots.study.model_spec import ModelSpec
from blindspots.study.training_spec import TrainingSpec
from blindspots.training.checkpoint import CURVE_DTYPES, Checkpoint, read_checkpoint, write_checkpoint
from blindspots.training.lbfgs import DivergedError
from blindspots.training.objective import Objective, to_vector
from blindspots.training.phases import Step, train
from tests.blindspots.training.conftest import Problem
from tests.blindspots.training.test_objective import network

SPEC = ModelSpec(name="small", hidden=(5,), decay=(1e-3, 1e-4))
TRAINING = TrainingSpec(iterations=30, checkpoint_every=10, tolerance=1e-6)


def run(problem: Problem, training: TrainingSpec = TRAINING, **more: object) -> list[Checkpoint]:
    return list(train(SPEC, training, *problem, classes=3, **{"seed": 0, **more}))


def test_a_training_goes_in_segments_to_its_end(problem: Problem) -> None:
    steps: list[Step] = []
    found = run(problem, on_step=steps.append)
    assert [(each.iterations, each.reason) for each in found] == [(10, ""), (20, ""), (30, "iterations")]
    curve = found[-1].curve
    assert {name: column.dtype for name, column in curve.items()} == {k: np.dtype(v) for k, v in CURVE_DTYPES.items()}
    np.testing.assert_array_equal(curve["iteration"], np.arange(31))
    assert (np.diff(curve["loss"]) <= 0).all()
    assert (np.diff(curve["evaluations"]) > 0).all()
    assert [step.loss for step in steps] == curve["loss"].tolist()


def test_the_curve_ends_with_what_the_weights_give(problem: Problem) -> None:
    last = run(problem)[-1]
    model = network((12, 5, 3), torch.float32)
    model.load_state_dict(last.weights)
    value = Objective(model, *problem, decay=SPEC.decay)(to_vector(model))
    assert last.curve["loss"][-1] == pytest.approx(value.loss, rel=1e-6)
    assert last.curve["error"][-1] == value.errors / 90
    assert last.curve["gradient_norm"][-1] == pytest.approx(float(value.gradient.norm()), rel=1e-3)


@pytest.mark.parametrize("stopped", [0, 1])
def test_a_stopped_training_ends_as_one_that_was_not(problem: Problem, tmp_path: Path, stopped: int) -> None:
    whole = run(problem)
    write_checkpoint(Place.at(tmp_path), "x", whole[stopped], identity="work")
    checkpoint = read_checkpoint(Place.at(tmp_path), "x", identity="work")
    assert checkpoint is not None
    rest = run(problem, checkpoint=checkpoint)
    assert len(rest) == len(whole) - stopped - 1
    for name, tensor in whole[-1].weights.items():
        assert torch.equal(rest[-1].weights[name], tensor), name
    for name, column in whole[-1].curve.items():
        np.testing.assert_array_equal(rest[-1].curve[name], column)
    assert rest[-1].reason == "iterations"


def test_a_training_converges_and_says_so(problem: Problem) -> None:
    last = run(problem, TRAINING.model_copy(update={"iterations": 5000, "tolerance": 1e-4, "checkpoint_every": 500}))[
        -1
    ]
    assert last.reason == "converged"
    assert last.curve["gradient_norm"][-1] <= 1e-4 < last.curve["gradient_norm"][-2]


def test_a_training_that_cannot_go_on_says_so(problem: Problem) -> None:
    last = run(problem, TRAINING.model_copy(update={"iterations": 20_000, "tolerance": 1e-30, "checkpoint_every": 300}))
    assert last[-1].reason == "stalled"
    assert last[-1].curve["gradient_norm"][-1] < 1e-3


def test_the_seed_decides(problem: Problem) -> None:
    first, same, other = (run(problem, seed=seed)[-1].weights["layers.1.weight"] for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_both_forms_of_decay_are_minimised(problem: Problem) -> None:
    """At the bottom of a softmax regression the slope of the cross-entropy is minus that of the decay."""
    spec = ModelSpec(name="fc", decay=0.2)
    for form, factor in (("half-squares", 0.2), ("per-unit", 2 * 0.2 / 3)):
        training = TRAINING.model_copy(update={"decay_form": form, "iterations": 2000})
        *_, last = train(spec, training, problem[0].double().float(), problem[1], seed=0, classes=3)
        model = network((12, 3), torch.float32)
        model.load_state_dict(last.weights)
        loss = torch.nn.functional.cross_entropy(model(problem[0]), problem[1])
        (slope,) = torch.autograd.grad(loss, model.linears[0].weight)
        torch.testing.assert_close(slope, -factor * model.linears[0].weight.detach(), rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize(("hidden", "decay"), [((), 0.2), ((5,), (1e-2, 1e-2))])
def test_a_model_without_biases_ends_where_scipy_does(
    problem: Problem, hidden: tuple[int, ...], decay: float | tuple[float, ...]
) -> None:
    """By scipy, in float64, from the same weights, of the same loss as a function of the weights alone."""
    spec = ModelSpec(name="fc", hidden=hidden, decay=decay, biases=False)
    training = TRAINING.model_copy(update={"iterations": 3000, "checkpoint_every": 1000, "tolerance": 1e-5})
    *_, last = train(spec, training, *problem, seed=0, classes=3)
    sizes = (12, *hidden, 3)
    model = network(sizes, torch.float64)
    model.load_state_dict(last.weights)
    assert all(not layer.bias.any() for layer in model.linears)
    images, labels = problem[0].double(), problem[1]
    weights = [layer.weight for layer in model.linears]

    def loss(vector: np.ndarray) -> tuple[float, np.ndarray]:
        parts = torch.from_numpy(vector).split([weight.numel() for weight in weights])
        with torch.no_grad():
            for weight, part in zip(weights, parts, strict=True):
                weight.copy_(part.view_as(weight))
        value = torch.nn.functional.cross_entropy(model(images), labels)
        value = value + sum(each / 2 * weight.square().sum() for each, weight in zip(spec.decay, weights, strict=True))
        slopes = torch.autograd.grad(value, weights)
        return value.item(), torch.cat([slope.reshape(-1) for slope in slopes]).numpy()

    at = torch.cat([weight.detach().reshape(-1) for weight in weights]).numpy().copy()
    ours, slope = loss(at)
    assert np.linalg.norm(slope) < 1e-3
    nearby = minimize(loss, at, jac=True, method="L-BFGS-B", options={"maxiter": 3000, "gtol": 1e-10, "ftol": 1e-15})
    assert ours == pytest.approx(nearby.fun, rel=1e-5)
    biased = train(spec.model_copy(update={"biases": True}), training, *problem, seed=0, classes=3)
    assert [*biased][-1].curve["loss"][-1] < ours - 1e-4  # free ones would lie elsewhere


def test_minibatches_leave_the_biases_of_a_model_without_at_0(problem: Problem) -> None:
    spec = SPEC.model_copy(update={"biases": False})
    training = TRAINING.model_copy(update={"warm_epochs": 3, "iterations": 10})
    found = list(train(spec, training, *problem, seed=0, classes=3))
    warm = found[1]
    again = list(train(spec, training, *problem, seed=0, classes=3, checkpoint=warm))
    for checkpoint in found:
        biases = [value for name, value in checkpoint.weights.items() if name.endswith("bias")]
        assert len(biases) == 2
        assert not any(each.any() for each in biases)
    assert not torch.equal(found[0].weights["layers.1.weight"], warm.weights["layers.1.weight"])
    for name, value in found[-1].weights.items():
        assert torch.equal(value, again[-1].weights[name])
    free = list(train(SPEC, training, *problem, seed=0, classes=3))
    assert any(value.any() for name, value in free[1].weights.items() if name.endswith("bias"))


def test_a_diverging_training_is_an_error_and_no_checkpoint(problem: Problem) -> None:
    images = problem[0].clone()
    images[0, 0, 0, 0] = math.nan
    with pytest.raises(DivergedError, match="the loss is nan"):
        run((images, problem[1]))
