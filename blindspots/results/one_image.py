"""One image of a study: how far each model's set has moved it, and what every model reads in it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.names import CLEAN, NO_RULE
from blindspots.results.queries.answers import answer
from blindspots.results.queries.choice import Choice, SetName, chosen_sets
from blindspots.results.queries.stored_set import StoredSet, computed
from blindspots.results.results import Results


@dataclass(frozen=True)
class Moved:
    """What a model's set has made of the image."""

    model: str
    perturbation: np.ndarray
    """(channels, height, width)."""
    distortion: float
    lower_bound: float
    """Of the least distortion, proved; 0 where none is known."""
    success: bool
    reads: dict[str, int]
    """The class that each model reads in it."""


@dataclass(frozen=True)
class OneImage:
    """An image, with all that its study made of it."""

    split: str
    example: int
    rule: str
    label: int
    original: np.ndarray
    """(channels, height, width) in [0, 1]."""
    reads: dict[str, int]
    """The class that each model reads in the original, where it was shown that."""
    moved: tuple[Moved, ...]


def one_image(
    results: Results, example: int, *, split: str | None = None, rule: str | None = None, seed: int = 0
) -> OneImage:
    """Return what a study knows of the image ``example`` of a split of its data set.

    ``split``: train or test; by default the first whose sets have the image. ``rule``: of the sets, nearest by default.
    Raises :class:`InputError` where no set has the image, or there are no such sets.
    """
    study = results.study
    found: list[tuple[StoredSet, int]] = []
    for part in (split,) if split is not None else study.distorted_splits or (None,):
        for name in chosen_sets(study, Choice(split=part, rule=rule, seed=seed), of_models=True):
            stored = StoredSet(results, name)
            (places,) = computed(stored.example)
            found += [(stored, int(row)) for row in np.flatnonzero(places == example)]
        if found:
            break
    else:
        where = split or " or ".join(study.distorted_splits)
        some = ", ".join(map(str, places[:3]))
        raise InputError(f"no set of the split {where} has image {example}; they have {some} and others")
    name = found[0][0].name
    moved = tuple(_moved(results, stored, row) for stored, row in found)
    original = results.dataset.images(name.split, [example])[0].numpy()
    label = int(results.dataset.labels(name.split, [example])[0])
    reads = _reads_originally(results, name, example)
    return OneImage(name.split, example, name.rule, label, original, reads, moved)


def _moved(results: Results, stored: StoredSet, row: int) -> Moved:
    group = stored.name.group
    size, success, bound, exact = (
        results.column(group, column)[row].values.item() for column in ("distortion", "success", "lower_bound", "exact")
    )
    known = [value for value in (bound, exact) if np.isfinite(value)]
    return Moved(
        model=stored.name.source,
        perturbation=results.column(group, "perturbation")[row].values,
        distortion=size,
        lower_bound=min(max(known, default=0.0), size),
        success=bool(success),
        reads={spec.name: int(computed(stored.reads(spec.name)[row])[0]) for spec in results.study.models},
    )


def _reads_originally(results: Results, name: SetName, example: int) -> dict[str, int]:
    """Return what each model reads in the original, of those that were shown it."""
    order = results.dataset.order(name.split, results.study.seed)
    (row,) = np.flatnonzero(order == example)
    clean = StoredSet(results, SetName(CLEAN, name.seed, name.split, NO_RULE))
    found = {}
    for spec in results.study.models:
        try:
            read = int(computed(clean.reads(spec.name)[int(row)])[0])
        except InputError:  # a model of a half is not shown the whole
            continue
        if read >= 0:
            found[spec.name] = read
    return found


def _misreaders(reads: Mapping[str, int], label: int) -> str:
    """Return who misreads an image, by the class that is read, such as ``a, b as 3; c as 5``."""
    by_class: dict[int, list[str]] = {}
    for reader, read in reads.items():
        if read != label:
            by_class.setdefault(read, []).append(reader)
    alike = len(reads) > 1 and len(by_class) == 1 and len(next(iter(by_class.values()))) == len(reads)
    if alike:
        return f"all {len(reads)} models as {next(iter(by_class))}"
    return "; ".join(f"{', '.join(who)} as {read}" for read, who in by_class.items()) or "nobody"


def image_table(one: OneImage) -> xr.Dataset:
    """Return what is known of an image as an answer: a row a model that it was moved for."""
    dims = ("model",)
    wrong = [_misreaders(moved.reads, one.label) for moved in one.moved]
    fooled = [sum(read != one.label for read in moved.reads.values()) for moved in one.moved]
    misread = [f"{model} as {read}" for model, read in one.reads.items() if read != one.label]
    original = f"The original is misread by {', '.join(misread)}." if misread else "No model misreads the original."
    sizes = [moved.distortion if moved.success else np.nan for moved in one.moved]
    return answer(
        "image",
        f"image {one.example} of {one.split}, class {one.label}, rule {one.rule}",
        {
            "distortion": (dims, sizes, "least distortion found: root mean square", "pixel value"),
            "distortion_low": (dims, [moved.lower_bound for moved in one.moved], "proved: no smaller one is enough"),
            "distortion_high": (dims, sizes, "that distortion is enough"),
            "fooled": (dims, fooled, f"models of {len(one.moved[0].reads)} that misread the distorted image"),
            "misread_by": (dims, wrong, "by whom it is misread, and as what"),
        },
        {"model": [moved.model for moved in one.moved]},
        note=original,
        brackets="from what is proved to be too little to what was found to be enough",
    )
