"""Reading what tables are drawn from out of a store's DataTree."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.names import NO_RULE
from blindspots.study import Study

CONFIDENCE = 1.959963984540054


@dataclass(frozen=True)
class Rate:
    """A share of images with its Wilson interval."""

    misread: int
    n: int
    clean_misread: int

    @property
    def rate(self) -> float:
        """The share that is misread."""
        return self.misread / self.n if self.n else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson 95% interval."""
        return wilson(self.misread, self.n)


@dataclass(frozen=True)
class Distortions:
    """A set's distortions: of the images that its model read correctly from the start, and of all."""

    mean: float
    low: float
    high: float
    n: int
    mean_all: float
    success: float
    """Share of all images for which the search succeeded."""
    to_exact: float
    """Mean ratio to the exact minimum, where that is known; else NaN."""
    lower_bound: float
    """Mean certified lower bound; NaN where there is none."""
    survives: float
    """Share of the successes, of images read correctly, that are left when rounded to 8 bits a value; NaN for noise."""


class Transfer:
    """The counts of a store's ``transfer``, in memory, looked up by name and pooled over the study's seeds."""

    _COUNTS = ("misread", "n", "clean_misread")

    def __init__(self, tree: xr.DataTree, study: Study) -> None:
        found = _group(tree, "transfer")
        self._places = {
            str(dim): {value: index for index, value in enumerate(found[dim].values.tolist())} for dim in found.dims
        }
        self._counts = [found[name].values for name in self._COUNTS]
        self._seeds = range(study.seeds)

    def rate(self, source: str, target: str, *, split: str, rule: str) -> Rate:
        """Return how often ``target`` misreads the set of ``source``.

        Raises :class:`InputError` where the store lacks that cell.
        """
        wanted = {"source": source, "target": target, "split": split, "rule": rule, "variant": "plain"}
        try:
            at = {dim: self._places[dim][value] for dim, value in wanted.items()}
            seeds = [self._places["seed"][seed] for seed in self._seeds]
        except KeyError:
            at = {}
        cells = (
            [(at["source"], at["target"], seed, at["split"], at["rule"], at["variant"]) for seed in seeds] if at else []
        )
        misread, n, clean = (sum(int(counts[cell]) for cell in cells) for counts in self._counts)
        if n == 0:
            raise InputError(
                f"the store lacks transfer/{source}/{target} (split {split}, rule {rule}); "
                "finish it with: blindspots run, with the study and the root as before"
            )
        return Rate(misread, n, clean)


def distortions(tree: xr.DataTree, source: str, *, split: str, rule: str, seeds: int) -> Distortions:
    """Return the distortions of a model's or a reference's set, pooled over the seeds."""
    if rule == NO_RULE:
        values = _group(tree, f"references/{split}/{source}")["distortion"].values
        read = np.ones(len(values), bool)
        success, exact, bound = np.ones(len(values)), np.full(len(values), np.nan), np.full(len(values), np.nan)
        kept = np.full(len(values), np.nan)
    else:
        sets = [_group(tree, f"sets/{source}/seed-{seed}/{split}/{rule}") for seed in range(seeds)]
        values = _joined(sets, "distortion")
        read = _joined(sets, "clean_predicted") == _joined(sets, "label")
        success, exact, bound = (_joined(sets, name) for name in ("success", "exact", "lower_bound"))
        kept = _joined(sets, "survives_eight_bits").astype(float)
    some = values[read & (success > 0)]
    kept = kept[read & (success > 0)]
    mean = float(some.mean()) if len(some) else float("nan")
    half = CONFIDENCE * float(some.std(ddof=1)) / np.sqrt(len(some)) if len(some) > 1 else float("nan")
    known = read & np.isfinite(exact) & (exact > 0)
    return Distortions(
        mean=mean,
        low=mean - half,
        high=mean + half,
        n=len(some),
        mean_all=float(values.mean()),
        success=float(success.mean()),
        to_exact=float((values[known] / exact[known]).mean()) if known.any() else float("nan"),
        lower_bound=float(bound[read].mean()) if read.any() and np.isfinite(bound[read]).all() else float("nan"),
        survives=float(kept.mean()) if len(kept) else float("nan"),
    )


def set_split(study: Study) -> str:
    """Return the split whose sets Tables 1 and 2 are drawn from."""
    return study.sets.splits[0]


def table_attributes(number: int, title: str, study: Study) -> dict[str, Any]:
    """Return the attributes that every table carries."""
    return {
        "table": number,
        "title": title,
        "study": study.name,
        "dataset": study.dataset,
        "split": set_split(study),
        "seeds": study.seeds,
        "source": "https://arxiv.org/abs/1312.6199",
    }


def overlap(low: float, high: float, paper_low: float, paper_high: float) -> int:
    """Return 1 where two intervals overlap, 0 where they do not, -1 where one is missing."""
    if any(np.isnan([low, high, paper_low, paper_high])):
        return -1
    return int(low <= paper_high and paper_low <= high)


def _group(tree: xr.DataTree, path: str) -> xr.Dataset:
    try:
        found = tree[path]
    except KeyError:
        found = None
    if not isinstance(found, xr.DataTree) or not found.data_vars:
        raise InputError(
            f"the store lacks {path}; finish it with: blindspots run, with the study and the root as before"
        )
    return found.to_dataset()


def _joined(sets: list[xr.Dataset], name: str) -> np.ndarray:
    return np.concatenate([each[name].values for each in sets])
