"""Replicas: a minibatch shared out, each part's gradient taken by itself, and all summed in one order.

The objective is a mean over a minibatch's inputs. So its gradient is that of every part's mean, weighted by the share
of the inputs that the part holds, and replicas that add all of it in the same order stay the same to the last bit.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch

from blindspots.training.layerwise.objective import Losses

Slopes = dict[str, torch.Tensor]
"""The gradient of the objective with respect to each of a tile's weights, by name."""


def parts_of(rows: int, replicas: int) -> tuple[slice, ...]:
    """Return the ``rows`` of a minibatch in a part for each of the replicas, in order and as even as they can be.

    Raises ``ValueError`` where there are more replicas than rows.
    """
    if not 1 <= replicas <= rows:
        raise ValueError(f"{replicas} replicas for {rows} inputs of a minibatch: as many at most, and 1 at least")
    return tuple(slice(*ends) for ends in pairwise(rows * part // replicas for part in range(replicas + 1)))


def shares_of(parts: Sequence[slice]) -> tuple[float, ...]:
    """Return which share of a minibatch each part holds."""
    rows = parts[-1].stop
    return tuple((part.stop - part.start) / rows for part in parts)


def summed(found: Iterable[Slopes], shares: Sequence[float]) -> Slopes:
    """Return the gradient of a minibatch out of its parts', in their order; the first is changed in place."""
    total: Slopes = {}
    for slopes, share in zip(found, shares, strict=True):
        for name, slope in slopes.items():
            total[name] = total[name].add_(slope, alpha=share) if name in total else slope.mul_(share)
    return total


def averaged(found: Iterable[Losses], shares: Sequence[float]) -> Losses:
    """Return the objective of a minibatch out of its parts', in their order."""
    reconstruction = penalty = 0.0
    for loss, share in zip(found, shares, strict=True):
        reconstruction += share * loss.reconstruction
        penalty += share * loss.penalty
    return Losses(reconstruction, penalty)
