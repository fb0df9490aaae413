"""Training to convergence by full-batch L-BFGS, in segments between checkpoints (section 1 of the paper)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch

from blindspots.networks.build import build_network, initialise
from blindspots.networks.fully_connected import FullyConnected
from blindspots.study import ModelSpec, TrainingSpec
from blindspots.training.checkpoint import CURVE_DTYPES, Checkpoint, as_curve
from blindspots.training.lbfgs import Point, minimise
from blindspots.training.objective import Objective, from_vector, to_vector

_ROUNDING = 1e-7  # of the loss in float32, relative


@dataclass(frozen=True)
class Step:
    """Where a training stands after an iteration."""

    iteration: int
    loss: float
    """Mean cross-entropy plus weight decay."""
    error: float
    """Share of the training images that are misread."""
    gradient_norm: float
    evaluations: int


def train(
    spec: ModelSpec,
    training: TrainingSpec,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    seed: int,
    classes: int,
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Iterator[Checkpoint]:
    """Train a network and yield a checkpoint after each segment; the last one is finished.

    ``images``: (n, ...) float32 in [0, 1]; ``labels``: (n,) integers below ``classes``; ``seed`` decides the initial
    weights. Given a checkpoint, the training goes on from it. L-BFGS begins every segment without a memory, in every
    run, and nothing but the checkpoint crosses: so a run that was stopped gives the same weights as one that was not.

    The training ends when the gradient's Euclidean norm is at most ``training.tolerance``, after
    ``training.iterations``, or when it has stalled: no step lowers the loss, or a whole segment lowered neither the
    loss by more than rounding nor the least gradient to half. Raises
    :class:`~blindspots.training.lbfgs.DivergedError` where the loss is not finite; the last checkpoint stays good.
    """
    network = build_network(spec, inputs=math.prod(images.shape[1:]), classes=classes).to(images.device)
    objective = Objective(network, images, labels, decay=spec.decay, form=training.decay_form)
    rows: list[tuple[float, ...]] = []
    if checkpoint is None:
        initialise(network, seed=seed)
    else:
        network.load_state_dict(checkpoint.weights)
        rows = list(zip(*(checkpoint.curve[name].tolist() for name in CURVE_DTYPES), strict=True))
    while checkpoint is None or not checkpoint.finished:
        checkpoint = _segment(network, objective, training, rows, on_step)
        yield checkpoint


def _segment(
    network: FullyConnected,
    objective: Objective,
    training: TrainingSpec,
    rows: list[tuple[float, ...]],
    on_step: Callable[[Step], None] | None,
) -> Checkpoint:
    """Run the iterations up to the next checkpoint; extend the curve's ``rows``."""
    before = int(rows[-1][0]) if rows else 0
    counted = int(rows[-1][-1]) if rows else 0
    length = min(training.checkpoint_every, training.iterations - before)
    reason, point = "", None
    for index, point in enumerate(islice(minimise(objective, to_vector(network)), length + 1)):
        if index or not rows:
            rows.append(_row(before + index, point, objective.images, counted))
            if on_step is not None:
                iteration, loss, error, norm, evaluations = rows[-1]
                on_step(Step(int(iteration), loss, error, norm, int(evaluations)))
        if point.gradient_norm <= training.tolerance:
            reason = "gradient"
            break
    else:
        ended = before + length > rows[-1][0]
        if ended or _without_progress(rows, before):
            reason = "stalled"
        elif rows[-1][0] >= training.iterations:
            reason = "iterations"
    assert point is not None
    from_vector(network, point.weights)
    weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    return Checkpoint(weights, as_curve(rows), reason)


def _without_progress(rows: list[tuple[float, ...]], before: int) -> bool:
    """Tell whether since the iteration ``before`` the loss fell by no more than rounding, and no gradient is half."""
    losses, norms = ([row[column] for row in rows] for column in (1, 3))
    flat = losses[-1] >= losses[before] * (1 - _ROUNDING)
    return before > 0 and flat and min(norms[before + 1 :]) > min(norms[: before + 1]) / 2


def _row(iteration: int, point: Point, images: int, counted: int) -> tuple[float, ...]:
    value = point.value
    return (iteration, value.loss, value.errors / images, point.gradient_norm, counted + point.evaluations)
