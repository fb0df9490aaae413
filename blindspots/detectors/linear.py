"""A linear binary classifier: logistic regression with weight decay, on features brought to unit size."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from blindspots.errors import InputError
from blindspots.randomness import generator

_NOTHING = 1e-9  # of the largest: directions of features that carry nothing
_COLUMNS = 4096


@dataclass(frozen=True)
class Linear:
    """``score = weights . features + bias``, above 0 for what is read as positive."""

    weights: np.ndarray
    """(d,) float64, on the features as they are."""
    bias: float

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the scores (n,) of ``features`` (n, d)."""
        found: np.ndarray = features.astype(np.float64) @ self.weights + self.bias
        return found


def fit_linear(features: np.ndarray, positive: np.ndarray, *, decay: float) -> Linear:
    """Return the classifier that minimises the balanced logistic loss plus ``decay / 2`` times the squared weights.

    ``features``: (n, d); ``positive``: (n,) booleans, some of either kind. Every feature is centred and divided by its
    standard deviation and by the root of d, so that one decay suits features of any number; positive and negative
    examples weigh as much together. Raises ``ValueError`` where all examples are of one kind.
    """
    if positive.all() or not positive.any():
        raise ValueError("all examples are of one kind; both are wanted")
    rows = features.astype(np.float64)
    del features  # which may be all that holds them
    # by columns, and in place: the pixels of a thousand pictures are more than a gigabyte
    parts = np.array_split(rows, -(-rows.shape[1] // _COLUMNS), axis=1)
    mean, spread = (np.concatenate([of(part, axis=0) for part in parts]) for of in (np.mean, np.std))
    scale = np.where(spread > _NOTHING * max(float(spread.max()), _NOTHING), spread, np.inf) * np.sqrt(rows.shape[1])
    rows -= mean
    rows /= scale
    # n numbers tell all about the weights where there are more features than examples
    values, directions = np.linalg.eigh(rows @ rows.T)
    kept = values > _NOTHING * values[-1]
    roots = np.sqrt(values[kept])
    coordinates = directions[:, kept] * roots
    sides = np.where(positive, 1.0, -1.0)
    shares = np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum())

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        margins = sides * (coordinates @ point[:-1] + point[-1])
        value = float(shares @ np.logaddexp(0, -margins)) + decay / 2 * float(point[:-1] @ point[:-1])
        slopes = -shares * sides * expit(-margins)
        return value, np.append(coordinates.T @ slopes + decay * point[:-1], slopes.sum())

    from scipy.optimize import minimize  # a third of a second, where it is wanted

    found = minimize(
        loss, np.zeros(len(roots) + 1), jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-14}
    )
    # from the right, since the axes of all features would be as large as these
    weights = rows.T @ ((directions[:, kept] / roots) @ found.x[:-1]) / scale
    return Linear(weights, float(found.x[-1] - weights @ mean))


def folds_of(positive: np.ndarray, folds: int, *, seed: int) -> np.ndarray:
    """Return the fold (n,) of every example: seeded, and as many positive ones in each, but for one.

    Raises :class:`InputError` where there are fewer examples of a kind than folds.
    """
    least = min(int(positive.sum()), int((~positive).sum()))
    if least < folds:
        raise InputError(
            f"{least} pictures of a kind for {folds} folds: as many are wanted at least; name more classes"
        )
    found = np.empty(len(positive), np.int64)
    for kind in (False, True):
        places = np.flatnonzero(positive == kind)
        found[generator(seed, "folds", str(kind)).permutation(places)] = np.arange(len(places)) % folds
    return found


def cross_validated(features: np.ndarray, positive: np.ndarray, *, folds: int, decay: float, seed: int) -> np.ndarray:
    """Return a score (n,) of every example, by the classifier that is fitted to the other folds."""
    of = folds_of(positive, folds, seed=seed)
    scores = np.empty(len(positive), np.float64)
    for fold in range(folds):
        held = of == fold
        scores[held] = fit_linear(features[~held], positive[~held], decay=decay).scores(features[held])
    return scores
