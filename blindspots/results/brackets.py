"""How near what is proved of a model's least distortions comes to what was found, image by image."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from blindspots.names import NEAREST
from blindspots.results.results import Results
from blindspots.store import layout

CLOSE, KNOWN = 1e-2, 1e-4
"""By which share of the found the proved falls short at the most, where it is close, and where the least is known."""


@dataclass(frozen=True)
class Bracket:
    """The least distortions of one model and seed, of the images that it reads correctly and that were misled."""

    example: np.ndarray
    """(n,) int64: the images' places in their split."""
    proved: np.ndarray
    """(n,) float64: no image of the box at a smaller distortion is misread."""
    found: np.ndarray
    """(n,) float64: the distortion of one that is. The least lies between the two."""
    by: str
    """What proves: "local", "relaxation", "exact", or "product", the layers' bounds, where nothing near applies."""

    @property
    def ratio(self) -> np.ndarray:
        """(n,) what is proved over what was found: 1 where the least distortion is known."""
        return np.asarray(self.proved / self.found)


@dataclass(frozen=True)
class Closeness:
    """How near the two come in the mean, every number the mean over seeds; NaN where there is nothing to tell."""

    proved: float
    """Mean of what is proved."""
    ratio: float
    """Mean ratio of proved to found, image by image."""
    close: float
    """Share of images whose ratio is 1 - 1e-2 at the least."""
    known: float
    """Share of images whose ratio is 1 - 1e-4 at the least."""
    images: int
    """Images of these, of one seed; the least, where seeds differ."""
    by: str
    """What proves; empty where nothing does."""


def brackets(results: Results, model: str) -> list[Bracket]:
    """Return what is proved of a model beside what was found, a bracket a seed.

    None where the study does not ask for it, or where the store lacks a seed's.
    """
    found = []
    for seed in range(results.study.seeds):
        group = _group(results, model, seed)
        if group is None:
            return []
        distortion = group["found"].values
        # at a distortion of 0 there is nothing to prove
        counted = group["read"].values & np.isfinite(distortion) & (distortion > 0)
        example, proved = group["example"].values[counted], group["certified"].values[counted]
        found.append(Bracket(example, proved, distortion[counted], _by(group, counted)))
    return found


def proved_nearby(results: Results, model: str, seed: int, split: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return of which images (n,) of a split something is proved, and below which distortion (n,) none is misread.

    None where nothing is: an image that the model does not read correctly is misread at 0.
    """
    group = _group(results, model, seed)
    if group is None or group.attrs["split"] != split:
        return None
    return group["example"].values, np.where(group["read"].values, group["certified"].values, 0.0)


def _group(results: Results, model: str, seed: int) -> xr.Dataset | None:
    """Return what was proved, if the study asks for it: a root may hold what another study left."""
    asked = results.study.bounds.certified and NEAREST in results.study.sets.rules
    return results.find(layout.certified(model, seed)) if asked else None


def closeness(found: Sequence[Bracket]) -> Closeness:
    """Return how near the brackets of a model's seeds are to closed."""
    if not found or not min(len(each.found) for each in found):
        return Closeness(np.nan, np.nan, np.nan, np.nan, 0, "")
    return Closeness(
        proved=_mean(each.proved for each in found),
        ratio=_mean(each.ratio for each in found),
        close=_mean(each.ratio >= 1 - CLOSE for each in found),
        known=_mean(each.ratio >= 1 - KNOWN for each in found),
        images=min(len(each.found) for each in found),
        by=found[0].by,
    )


def _by(group: xr.Dataset, counted: np.ndarray) -> str:
    """Return what proves; of a given network the store says so image by image."""
    if "by" not in group or not counted.any():
        return str(group.attrs["method"])
    return str(group["by"].attrs["flag_meanings"]).split()[int(group["by"].values[counted].min())]


def _mean(of_seeds: Iterable[np.ndarray]) -> float:
    return float(np.mean([np.mean(each) for each in of_seeds]))
