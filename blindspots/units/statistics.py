"""What a comparison says: how much of the units' coherence other directions keep, and whether units are special."""

from dataclasses import dataclass

import numpy as np

from blindspots.randomness import generator

_RESAMPLES = 2000


@dataclass(frozen=True)
class Kept:
    """(directions - chance) / (units - chance), with a 95% interval; NaN where units are no more alike than chance."""

    value: float
    low: float
    high: float


def kept(units: np.ndarray, bases: np.ndarray, chance: float, *, seed: int = 0, resamples: int = _RESAMPLES) -> Kept:
    """Return the share of the units' coherence above chance that directions have too.

    ``units``: (m,) the coherence of each unit's set; ``bases``: (b,) the mean of each basis. The interval is the
    percentile bootstrap's over units and bases, drawn independently; the images are held fixed. Where the units are not
    above chance in all but a fortieth of the draws the share has no meaning, and all three are NaN.
    """
    draw = generator(seed, "units", "bootstrap")
    of_units = units[draw.integers(len(units), size=(resamples, len(units)))].mean(axis=1) - chance
    of_bases = bases[draw.integers(len(bases), size=(resamples, len(bases)))].mean(axis=1) - chance
    if np.quantile(of_units, 0.025) <= 0:
        return Kept(np.nan, np.nan, np.nan)
    low, high = np.quantile(of_bases / of_units, (0.025, 0.975))
    return Kept(float((bases.mean() - chance) / (units.mean() - chance)), float(low), float(high))


def rank_p(units: float, rotations: np.ndarray) -> float:
    """Return p of the units among R random ``rotations`` (R,): (1 + how many have at least their value) / (R + 1).

    Exact under "the units are one of the rotations": then every rank is equally likely (Barnard, 1963).
    """
    return float((1 + np.count_nonzero(rotations >= units)) / (len(rotations) + 1))
