"""A network's training from its initial weights to its end, in phases, each in segments between checkpoints.

Fully connected networks: full-batch L-BFGS to convergence (section 1 of the paper), from a cold start or after some
epochs of Adam. AE400-10: first the sparse autoencoder, then, with its encoder frozen, a softmax on the codes.
Convolutional networks, and fully connected ones that are hardened: minibatch Adam, or with pools L-BFGS in rounds.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from blindspots.networks.build import build_network, initialise, layers_of_weights
from blindspots.networks.fully_connected import FullyConnected
from blindspots.study.model_spec import ModelSpec
from blindspots.study.pools_spec import PoolsSpec
from blindspots.study.training_spec import TrainingSpec
from blindspots.training import codes
from blindspots.training.checkpoint import Checkpoint, Row, as_curve
from blindspots.training.descent import Criterion, descend
from blindspots.training.hardening.keeping import KeptPools
from blindspots.training.hardening.mixture import Hardening, Mixture
from blindspots.training.hardening.refreshing import OwnRefresher, Refresher, Source
from blindspots.training.hardening.rounds import descend_in_rounds, rounds_done
from blindspots.training.hardening.schedule import Rounds
from blindspots.training.minibatches import epochs
from blindspots.training.objective import Objective, from_vector, to_vector

PHASES = ("autoencoder", "minibatches", "full-batch")
"""The phases that a training may have, in order: a checkpoint's ``phase``, and a row's in the curve, is the index."""
AUTOENCODER, MINIBATCHES, FULL_BATCH = range(3)


@dataclass(frozen=True)
class Step:
    """Where a training stands after an iteration or epoch."""

    iteration: int
    loss: float
    """What is minimised: with weight decay and penalty."""
    error: float
    """Share of the training images that are misread; none while the autoencoder is trained."""
    gradient_norm: float
    """Euclidean norm of the gradient; NaN for minibatches."""
    evaluations: int
    """Evaluations of loss and gradient in this phase, whole or, for minibatches, in steps."""
    phase: int
    ages: Mapping[int, float] = field(default_factory=dict)
    """Mean age of each pool, in rounds, by layer; empty where there are none."""


@dataclass(frozen=True)
class _Work:
    """What all phases of a training share."""

    spec: ModelSpec
    training: TrainingSpec
    images: torch.Tensor
    labels: torch.Tensor
    seed: int
    network: nn.Module
    classes: int
    refresher: Refresher | None
    on_row: Callable[[Row], None]
    on_epoch: Callable[[Row, Mapping[int, float]], None]


def phases(spec: ModelSpec, training: TrainingSpec) -> tuple[int, ...]:
    """Return the phases of a model's training."""
    if spec.by_minibatches:
        return (MINIBATCHES,)
    if spec.in_rounds:
        return (FULL_BATCH,)
    if spec.network == "autoencoder":
        return (AUTOENCODER, FULL_BATCH)
    return (MINIBATCHES, FULL_BATCH) if training.warm_epochs else (FULL_BATCH,)


def longest(spec: ModelSpec, training: TrainingSpec) -> int:
    """Return the most iterations and epochs that a model's training may take."""
    limits = {
        AUTOENCODER: training.autoencoder.iterations,
        MINIBATCHES: _epochs(spec, training),
        FULL_BATCH: training.iterations,
    }
    if spec.in_rounds:
        assert spec.pools is not None
        assert spec.pools.lbfgs is not None
        return spec.pools.lbfgs.rounds * spec.pools.lbfgs.iterations
    return sum(limits[phase] for phase in phases(spec, training))


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
    refresher: Refresher | None = None,
) -> Iterator[Checkpoint]:
    """Train a network and yield a checkpoint after each segment; the last one is finished.

    ``images``: (n, ...) float32 in [0, 1]; ``labels``: (n,) integers below ``classes``; ``seed`` decides the initial
    weights and the order of minibatches. Given a checkpoint, the training goes on from it. Nothing but the checkpoint
    crosses from one segment to the next, in any run: so a run that was stopped gives the same weights as one that was
    not.

    ``refresher``: who makes what goes into the pools of a network that has some; this process where nobody is named.

    Full-batch phases end by :class:`~blindspots.training.descent.Criterion`. Raises
    :class:`~blindspots.training.lbfgs.DivergedError` where the loss is not finite; the last checkpoint stays good.
    """
    network = build_network(spec, shape=tuple(images.shape[1:]), classes=classes).to(images.device)
    initialise(network, seed=seed, initial=spec.initial)
    if not spec.biases:  # they begin at 0, and minibatches leave them there as the objective of L-BFGS does
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not name.endswith("bias"))

    def on_epoch(row: Row, ages: Mapping[int, float]) -> None:
        if on_step is not None:
            iteration, loss, error, norm, evaluations, phase = row
            on_step(Step(int(iteration), loss, error, norm, int(evaluations), int(phase), ages))

    def on_row(row: Row) -> None:
        on_epoch(row, {})

    work = _Work(spec, training, images, labels, seed, network, classes, refresher, on_row, on_epoch)
    order = phases(spec, training)
    if checkpoint is None:
        begun = _initial_autoencoder(work) if order[0] == AUTOENCODER else _state(network)
        checkpoint = Checkpoint(begun, as_curve([]), phase=order[0])
    run = {AUTOENCODER: _autoencoder, MINIBATCHES: _minibatches, FULL_BATCH: _full_batch}
    for phase in order[order.index(checkpoint.phase) :]:
        for reached in run[phase](work, checkpoint):
            checkpoint = reached
            if not checkpoint.finished or phase == order[-1]:
                yield checkpoint
        if phase != order[-1]:
            if phase == AUTOENCODER:
                assert isinstance(network, FullyConnected)
                codes.put_below(network, checkpoint.weights)
                checkpoint = replace(checkpoint, weights=_state(network))
            checkpoint = replace(checkpoint, phase=order[order.index(phase) + 1], reason="", memory={})
            yield checkpoint


def _autoencoder(work: _Work, checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    """Train the sparse autoencoder."""
    spec, like, rows = work.training.autoencoder, checkpoint.weights, checkpoint.rows
    objective = codes.autoencoder_objective(work.images, work.spec.hidden[0], spec)
    segment = work.training.checkpoint_every
    criterion = Criterion(spec.tolerance, work.training.decrease, spec.iterations, segment)
    start = codes.as_vector(like)
    for at in descend(
        objective, start, criterion, rows, images=len(work.images), phase=AUTOENCODER, on_row=work.on_row
    ):
        yield Checkpoint(codes.from_one_vector(at.point, like), as_curve(rows), AUTOENCODER, at.reason)


def _minibatches(work: _Work, checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    """Train the whole network, or begin to, by minibatches."""
    training, network, rows = work.training, work.network, checkpoint.rows
    network.load_state_dict(checkpoint.weights)
    count, done, memory = _epochs(work.spec, training), checkpoint.iterations, checkpoint.memory
    objective = _objective(work, count) if work.spec.hardened else None
    if isinstance(objective, Mixture) and done:
        objective.restore(memory, done * objective.rounds.batches)
    for epoch in epochs(
        network,
        work.images,
        work.labels,
        decay=_factors(work.spec, training, network),
        adam=training.adam,
        count=count,
        seed=work.seed + work.spec.initial,
        done=done,
        memory=memory,
        penalty=work.spec.penalty,
        objective=objective,
    ):
        rows.append((epoch.number, epoch.loss, epoch.error, float("nan"), epoch.steps, MINIBATCHES))
        memory, ages = epoch.memory, dict[int, float]()
        if isinstance(objective, Mixture):
            memory, ages = memory | objective.memory(), objective.ages(objective.rounds.of(epoch.steps - 1))
        work.on_epoch(rows[-1], ages)
        reason = "epochs" if epoch.number == count else ""
        yield Checkpoint(_state(network), as_curve(rows), MINIBATCHES, reason, memory)


def _objective(work: _Work, count: int) -> Hardening | Mixture:
    """Return what is minimised over the minibatches of a hardened network."""
    spec = work.spec
    hardening = Hardening(spec.hardening, seed=work.seed + spec.initial)
    if spec.pools is None or spec.pools.idle:
        return hardening
    batches = -(-len(work.images) // work.training.adam.batch)
    rounds = Rounds(batches, min(spec.pools.rounds, batches), count)
    return Mixture(hardening, _kept(work, spec.pools, rounds.total), rounds)


def _kept(work: _Work, pools: PoolsSpec, rounds: int) -> KeptPools:
    """Return the pools of a training of so many rounds, empty."""
    network = work.network
    assert isinstance(network, FullyConnected)
    source = Source(pools, work.images, work.labels, work.classes, work.seed + work.spec.initial)
    maker = work.refresher
    if maker is None:
        another = build_network(work.spec, shape=tuple(work.images.shape[1:]), classes=work.classes)
        assert isinstance(another, FullyConnected)
        maker = OwnRefresher(source, another.to(work.images.device))
    return KeptPools(source, maker, network, rounds)


def _full_batch(work: _Work, checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    """Train the network, or the softmax on frozen codes, to convergence."""
    training, network, rows = work.training, work.network, checkpoint.rows
    assert isinstance(network, FullyConnected)
    network.load_state_dict(checkpoint.weights)
    trained, images = network, work.images
    if work.spec.network == "autoencoder":
        trained, images = codes.softmax_on_codes(network), codes.codes_of(network, images)
    objective = Objective(
        trained,
        images,
        work.labels,
        decay=work.spec.decay,
        form=training.decay_form,
        penalty=work.spec.penalty,
        biases=work.spec.biases,
    )
    if work.spec.in_rounds:
        yield from _rounds(work, checkpoint, objective)
        return
    criterion = Criterion(training.tolerance, training.decrease, training.iterations, training.checkpoint_every)
    for at in descend(
        objective, to_vector(trained), criterion, rows, images=len(images), phase=FULL_BATCH, on_row=work.on_row
    ):
        from_vector(trained, at.point)
        yield Checkpoint(_state(network), as_curve(rows), FULL_BATCH, at.reason)


def _rounds(work: _Work, checkpoint: Checkpoint, objective: Objective) -> Iterator[Checkpoint]:
    """Train the network with pools, a segment a round."""
    pools, network, rows = work.spec.pools, work.network, checkpoint.rows
    assert pools is not None
    assert pools.lbfgs is not None
    assert isinstance(network, FullyConnected)
    kept = _kept(work, pools, pools.lbfgs.rounds)

    def on_row(row: Row, number: int) -> None:
        work.on_epoch(row, kept.ages(number))

    for memory in descend_in_rounds(
        objective,
        network,
        kept,
        rows,
        memory=checkpoint.memory,
        most=pools.lbfgs.iterations,
        phase=FULL_BATCH,
        on_row=on_row,
    ):
        reason = "iterations" if rounds_done(memory) == kept.rounds else ""
        yield Checkpoint(_state(network), as_curve(rows), FULL_BATCH, reason, memory)


def _epochs(spec: ModelSpec, training: TrainingSpec) -> int:
    return training.adam.epochs if spec.by_minibatches else training.warm_epochs


def _factors(spec: ModelSpec, training: TrainingSpec, network: nn.Module) -> list[float]:
    """Return the factor of each layer's half sum of squares."""
    if training.decay_form == "half-squares":
        return list(spec.decay)
    layers = layers_of_weights(network)
    return [2 * value / len(layer.weight) for value, layer in zip(spec.decay, layers, strict=True)]


def _initial_autoencoder(work: _Work) -> codes.Weights:
    return codes.initial_autoencoder(
        work.images[0].numel(),
        work.spec.hidden[0],
        seed=work.seed,
        initial=work.spec.initial,
        device=work.images.device,
    )


def _state(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
