"""The distortions in tables, read out of a store's sets: means over images read correctly from the start."""

from dataclasses import dataclass

import numpy as np

from blindspots.intervals import NORMAL_95
from blindspots.names import NO_RULE
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.model_spec import ModelSpec
from blindspots.study.study import Study


@dataclass(frozen=True)
class Distortions:
    """The distortions of a source's set, every number the mean over seeds.

    Failures of the search have no distortion and are left out of the averages; ``success`` tells how many there are.
    """

    mean: float
    """Mean over the images that its model read correctly from the start (slip "misread from the start")."""
    low: float
    """Lower end of that mean's 95% interval over images; all seeds have the same images, and count as one."""
    high: float
    spread: float
    """Standard deviation of the mean over seeds; NaN with one seed."""
    n: int
    """Images averaged over, of one seed; the least, where seeds differ."""
    mean_all: float
    """Mean over all images, also those misread from the start."""
    success: float
    """Share of all images for which the search succeeded; NaN for noise."""
    images: int
    """All images, of one seed."""
    to_exact: float
    """Mean ratio to the exact minimum, over the images of ``mean``; NaN where that is not known."""
    lower_bound: float
    """Mean certified lower bound over images read correctly; NaN where there is none."""
    survives: float
    """Share of the images of ``mean`` that are still a success when rounded to 8 bits a value; NaN for noise."""


def distortions(results: Results, source: str, *, split: str, rule: str) -> Distortions:
    """Return the distortions of a model's set or, under the rule none, of a reference's, which has no seeds.

    Raises :class:`~blindspots.errors.InputError` where the store lacks the set.
    """
    if rule == NO_RULE:
        values = results.group(layout.reference_set(split, source))["distortion"].values
        everywhere, nowhere = np.ones(len(values), bool), np.full(len(values), np.nan)
        found = [_of_seed(values, everywhere, everywhere, nowhere, nowhere, nowhere)]
    else:
        found = []
        for seed in range(results.study.seeds):
            made = results.group(layout.adversarial_set(source, seed, split, rule))
            read = made["clean_predicted"].values == made["label"].values
            names = ("success", "exact", "lower_bound", "survives_eight_bits")
            success, exact, bound, survives = (made[name].values for name in names)
            found.append(_of_seed(made["distortion"].values, read, success > 0, exact, bound, survives.astype(float)))
    n, images = (min(int(each[name]) for each in found) for name in ("n", "images"))
    means = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
    half = NORMAL_95 * (means["variance"] / n) ** 0.5 if n > 1 else float("nan")
    return Distortions(
        mean=means["mean"],
        low=means["mean"] - half,
        high=means["mean"] + half,
        spread=float(np.std([each["mean"] for each in found], ddof=1)) if len(found) > 1 else float("nan"),
        n=n,
        mean_all=means["mean_all"],
        success=float("nan") if rule == NO_RULE else means["success"],
        images=images,
        to_exact=means["to_exact"],
        lower_bound=means["lower_bound"],
        survives=means["survives"],
    )


def _of_seed(
    values: np.ndarray, read: np.ndarray, success: np.ndarray, exact: np.ndarray, bound: np.ndarray, kept: np.ndarray
) -> dict[str, float]:
    """Return the averages of one seed's set; every argument is along its images."""
    used = read & success
    with np.errstate(divide="ignore", invalid="ignore"):
        to_exact = values / exact
    return {
        "mean": _mean(values[used]),
        "variance": float(values[used].var(ddof=1)) if used.sum() > 1 else float("nan"),
        "n": int(used.sum()),
        "mean_all": _mean(values[success]),
        "success": _mean(success),
        "images": len(values),
        "to_exact": _mean(to_exact[used & np.isfinite(exact) & (exact > 0)]),
        "lower_bound": _mean(bound[read]),
        "survives": _mean(kept[used]),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def set_split(study: Study, spec: ModelSpec) -> str:
    """Return the split whose sets the tables are drawn from, for a model ``spec``."""
    return study.splits(spec)[0]
