"""Full-batch L-BFGS with pools, in rounds: each minimises a function of its own, that of the pools it begins with.

The memory of steps is of one function, and so each round begins without one.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import torch

from blindspots.networks.fully_connected import FullyConnected
from blindspots.training.checkpoint import Row
from blindspots.training.descent import EVALUATIONS, curve_row
from blindspots.training.hardening.full_batch import MixedObjective, shown_of
from blindspots.training.hardening.keeping import KeptPools
from blindspots.training.lbfgs import Function, minimise
from blindspots.training.minibatches import Memory
from blindspots.training.objective import Objective, from_vector, to_vector

_ROUND = "round"


def rounds_done(memory: Memory) -> int:
    """Return how many rounds a checkpoint's memory lies behind."""
    return int(memory[_ROUND]) if _ROUND in memory else 0


def descend_in_rounds(
    images: Objective,
    network: FullyConnected,
    kept: KeptPools,
    rows: list[Row],
    *,
    memory: Memory,
    most: int,
    phase: int,
    on_row: Callable[[Row, int], None],
) -> Iterator[Memory]:
    """Train ``network`` in place, extend the curve's ``rows``, and yield after every round what the next one needs.

    ``images``: the objective without pools, which the first round minimises, and every other in which no pool shows
    anything; ``memory``: what this yielded last, or nothing; ``most``: iterations in a round, fewer where no step
    lowers the loss; ``on_row``: is told each row and its round. An evaluation is one of all images and all that is
    shown. Raises :class:`DivergedError` where the loss is not finite.
    """
    shapes = [(layer.out_features, layer.in_features) for layer in network.linears]
    weight = kept.source.spec.weight
    partly = images.with_share(1 - weight)
    done = rounds_done(memory)
    if done:
        kept.restore(memory, done)
    for number in range(done, kept.rounds):
        kept.begin(number, network)
        shown = [shown_of(kept, network, layer) for layer in kept.turn(number)]
        function: Function = images
        if shown:
            function = MixedObjective(partly, shown, shapes=shapes, weight=weight)
        before, counted = (int(rows[-1][0]), int(rows[-1][EVALUATIONS])) if rows else (0, 0)
        for index, point in enumerate(islice(minimise(function, to_vector(network)), most + 1)):
            if index or not rows:
                rows.append(curve_row(before + index, point, images.images, counted, phase))
                on_row(rows[-1], number)
            from_vector(network, point.weights)
        yield kept.memory() | {_ROUND: torch.tensor(number + 1)}
