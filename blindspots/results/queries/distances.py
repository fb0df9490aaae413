"""How far images are from being misread: quantiles of least distortions, and the share misread within a distortion."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.results.brackets import proved_nearby
from blindspots.results.queries.answers import Variables, answer, said_of, shares
from blindspots.results.queries.choice import Choice, chosen_classes, chosen_sets, class_names
from blindspots.results.queries.stored_set import StoredSet, computed
from blindspots.results.results import Results

ALL = "all"


def quantiles(results: Results, choice: Choice) -> xr.Dataset:
    """Return quantiles of each set's distortions, by class and over all of them.

    Over the images that the model reads correctly from the start; where the search failed the distortion counts as
    infinite. The interval of a quantile is that between two of the ordered values, whose ranks the binomial
    distribution gives, whatever the values' own distribution is (David and Nagaraja, Order Statistics, 7.1).
    """
    sets = chosen_sets(results.study, choice, of_models=True)
    kept = chosen_classes(choice, lambda: class_names(results))
    found: dict[tuple[str, str], np.ndarray] = {}
    for name in sets:
        for label, values in _by_class(StoredSet(results, name), kept):
            found[name.source, label] = values
    labels = sorted({label for _, label in found}, key=lambda label: (label != ALL, len(label), label))
    names = [name.source for name in sets]
    dims = ("model", "label", "quantile")
    cells = np.array(
        [
            [[_quantile(found.get((name, label), np.empty(0)), each) for each in choice.quantiles] for label in labels]
            for name in names
        ]
    )
    n = np.array([[len(found.get((name, label), ())) for label in labels] for name in names])
    about = "quantile of the least distortions found: root mean square"
    unit = "pixel value"
    return answer(
        "distortions",
        f"quantiles of the least distortions: {said_of(sets, choice)}",
        {
            "n": (dims, np.broadcast_to(n[:, :, None], cells.shape[:3]), "images read correctly from the start"),
            "distortion": (dims, cells[..., 0], about, unit),
            "distortion_low": (dims, cells[..., 1], f"lower end of the 95% interval of: {about}", unit),
            "distortion_high": (dims, cells[..., 2], f"upper end of the 95% interval of: {about}", unit),
        },
        {"model": names, "label": labels, "quantile": list(choice.quantiles)},
        note="Over images read correctly from the start; where no distortion was found it counts as infinite.",
    )


def _by_class(stored: StoredSet, kept: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the sorted distortions of each class, and of all, over the images that are read from the start."""
    label, clean, size, success = computed(
        stored.label, stored.column("clean_predicted"), stored.column("distortion"), stored.column("success")
    )
    size[~success] = np.inf
    right = clean == label
    whole = right & np.isin(label, kept) if kept else right
    for number in np.unique(label[whole]):
        yield str(number), np.sort(size[whole & (label == number)])
    yield ALL, np.sort(size[whole])


def _quantile(ordered: np.ndarray, share: float) -> tuple[float, float, float]:
    """Return the quantile of ordered values, with its interval: 0 or infinite where no value is far enough out."""
    n = len(ordered)
    if not n:
        return np.nan, np.nan, np.nan
    from scipy.stats import binom  # half a second, where it is wanted

    low, high = (int(rank) for rank in binom.ppf((0.025, 0.975), n, share))
    rank = ceil(n * Fraction(str(float(share))))  # as it is written: 100 times 0.07 in floats is more than 7
    middle = float(ordered[rank - 1])
    return middle, float(ordered[low - 1]) if low > 0 else 0.0, float(ordered[high]) if high < n else np.inf


def robustness(results: Results, choice: Choice) -> xr.Dataset:
    """Return the share of each model's images that are misread within each distortion of ``choice.at``, as a band.

    At the least that is the share for which a distortion so small was found; at the most the share whose lower bound,
    what is proved near the image, or a linear model's exact least distortion, is so small. With sampling the band is
    from ``found_low`` to ``possible_high``. Images misread from the start are misread at 0.

    ``nearby`` is the upper end of the band over those ``nearby_n`` images alone near which something was proved, where
    there are any: the first of a set, whose order is drawn, so that they stand for all.
    """
    if "nearest" not in results.study.sets.rules:
        raise InputError(
            f"the study {results.study.name} has no nearest sets, which least distortions are of: add the rule"
        )
    sets = chosen_sets(results.study, choice, of_models=True)
    kept = chosen_classes(choice, lambda: class_names(results))
    found = np.array([_within(StoredSet(results, name), choice.at, kept) for name in sets])
    n, least, most, near_n, near = found.transpose(1, 0, 2)
    dims = ("model", "within")
    nearby: Variables = {}
    if near_n.any():
        about = "share of the images near which something was proved for which none so small is excluded"
        nearby = {"nearby_n": (dims, near_n, "images near which something was proved")}
        nearby |= shares("nearby", dims, near, near_n, about)
    return answer(
        "robustness",
        f"share of images misread within a distortion: {said_of(sets, choice)}",
        {
            "n": (dims, n, "images"),
            **shares("found", dims, least, n, "share of images for which a distortion so small was found"),
            **shares("possible", dims, most, n, "share of images for which none so small is excluded by a proof"),
            **nearby,
        },
        {"model": [name.source for name in sets], "within": list(choice.at)},
        note="The true share lies between found and possible; within: a distortion, in pixel values.",
    )


def _within(stored: StoredSet, at: tuple[float, ...], kept: tuple[int, ...]) -> np.ndarray:
    """Return (5, distortions): images, those misread for certain within each distortion, and those that may be.

    Then the images near which something was proved, and those of them that may be misread.
    """
    label, example, size, success, bound, exact = computed(
        stored.label, *map(stored.column, ("example", "distortion", "success", "lower_bound", "exact"))
    )
    nearest = np.where(success, size, np.inf)
    proved = np.fmax(np.nan_to_num(bound, nan=0.0), np.where(np.isnan(exact), 0.0, exact))
    near = proved_nearby(stored.results, stored.name.source, stored.name.seed, stored.name.split)
    known = {} if near is None else {int(each): bound for each, bound in zip(*near, strict=True)}
    proved = np.maximum(proved, [known.get(int(each), 0.0) for each in example])
    proved = np.minimum(proved, nearest)  # an exact distance is rounded, and what was found is misread for certain
    wanted = np.isin(label, kept) if kept else np.ones(len(label), bool)
    nearby = wanted & np.isin(example, list(known))

    def within(sizes: np.ndarray) -> np.ndarray:
        return np.searchsorted(np.sort(sizes), at, side="right")

    images = np.ones(len(at), np.int64)
    parts = (within(nearest[wanted]), within(proved[wanted]), nearby.sum() * images, within(proved[nearby]))
    return np.array([wanted.sum() * images, *parts])
