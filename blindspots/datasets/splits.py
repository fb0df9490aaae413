"""Orders and halves of a data set that depend on its labels and a seed alone."""

import numpy as np

from blindspots.randomness import generator


def balanced_order(labels: np.ndarray, *, seed: int, split: str) -> np.ndarray:
    """Return all ids of ``labels`` (n,) in one random order that is kept class-balanced.

    Each round takes one example of every class that has any left, the classes in a random order of their own. So the
    beginning of the order has as many of each class as can be, and a smaller set is the beginning of a larger one.
    """
    draw = generator(seed, "order", split)
    rank, turn = np.empty(len(labels), np.int64), np.empty(len(labels), np.float64)
    for label in np.unique(labels):
        ids = np.flatnonzero(labels == label)
        rank[draw.permutation(ids)] = np.arange(len(ids))
    turn[:] = draw.random(len(labels))
    return np.lexsort((turn, rank)).astype(np.int64)


def halves(labels: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of two disjoint halves of ``labels`` (n,), P1 and P2, each sorted.

    Of every class, either half has as many; where a class is odd, the one over goes to the halves in turn, so that they
    are of one size. The paper does not say how it halved.
    """
    draw = generator(seed, "halves")
    taken: list[np.ndarray] = []
    one_more = False
    for label in np.unique(labels):
        ids = draw.permutation(np.flatnonzero(labels == label))
        odd = len(ids) % 2 == 1
        taken.append(ids[: len(ids) // 2 + (odd and one_more)])
        one_more ^= odd
    first = np.sort(np.concatenate(taken))
    return first, np.setdiff1d(np.arange(len(labels)), first)
