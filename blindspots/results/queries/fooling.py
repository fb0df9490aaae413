"""Which images fool how many models.

An image fools a model that misreads it as it is shown, whether or not the model reads the original.
"""

import dask.array as da
import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.intervals import wilson
from blindspots.results.queries.answers import answer, said_of, shares
from blindspots.results.queries.choice import Choice, chosen_classes, chosen_readers, chosen_sets, class_names
from blindspots.results.queries.stored_set import StoredSet, among, computed, is_misread
from blindspots.results.results import Results
from blindspots.store.predictions import NOT_SHOWN


def fooling_images(results: Results, choice: Choice) -> xr.Dataset:
    """Return the images of each set that fool at least ``choice.least`` of the readers: those that fool most first.

    Of those that fool as many, the nearest to its original is first. Beside each image stands the share of such images
    in its set.
    """
    readers = chosen_readers(results.study, choice)
    least = len(readers) if choice.least is None else choice.least
    if least > len(readers):
        raise InputError(f"least = {least}: there are {len(readers)} models that read the sets")
    sets = chosen_sets(results.study, choice)
    kept = chosen_classes(choice, lambda: class_names(results))
    rows: dict[str, list[np.ndarray]] = {}
    said = []
    for name in sets:
        stored = StoredSet(results, name)
        fooled, whether = _fooled(stored, readers, choice.variant, kept)
        places = np.flatnonzero(fooled >= least)
        columns = {"example": stored.example, "label": stored.label}
        if name.group:
            columns["distortion"] = stored.column("distortion")
        read = dict(zip(columns, computed(*(column[places] for column in columns.values())), strict=True))
        size = read.get("distortion", np.zeros(len(places)))
        low, high = wilson(len(places), whether)
        said.append(f"{name.source}: {len(places)} of {whether} images, a share in [{low:.3g}, {high:.3g}]")
        first = np.lexsort((read["example"], size, -fooled[places].astype(np.int64)))[: choice.limit]
        found = {
            "model": np.full(len(first), name.source),
            "example": read["example"][first],
            "label": read["label"][first],
            "distortion": size[first],
            "fooled": fooled[places][first].astype(np.int64),
            "images": np.full(len(first), len(places)),
            "n": np.full(len(first), whether),
        }
        for column, values in found.items():
            rows.setdefault(column, []).append(values)
    joined = {column: np.concatenate(values) for column, values in rows.items()}
    whole = "every model" if least == len(readers) else f"at least {least} models"
    return answer(
        "fools",
        f"images that fool {whole} of {len(readers)}: {said_of(sets, choice)}",
        {
            "model": ("image", joined["model"], "whose set the image is of"),
            "example": ("image", joined["example"], "place of the image in the split of the data set"),
            "label": ("image", joined["label"], "class in the data set"),
            "distortion": ("image", joined["distortion"], "distortion: root mean square", "pixel value"),
            "fooled": ("image", joined["fooled"], f"models of {len(readers)} that misread the image"),
            "images": (
                "image",
                joined["images"],
                f"images of the set that fool {whole}, of which the first are listed",
            ),
            "n": ("image", joined["n"], "images of the set"),
            **shares("share", "image", joined["images"], joined["n"], f"share of its images that fool {whole}"),
        },
        {"image": np.arange(1, len(joined["model"]) + 1)},
        note=f"{'; '.join(said)}. Read by {', '.join(readers)}.",
    )


def how_many_are_fooled(results: Results, choice: Choice) -> xr.Dataset:
    """Return for each set the share of images that fool exactly, and at least, 0, 1, ... of the readers."""
    readers = chosen_readers(results.study, choice)
    sets = chosen_sets(results.study, choice)
    kept = chosen_classes(choice, lambda: class_names(results))
    found = []
    for name in sets:
        fooled, n = _fooled(StoredSet(results, name), readers, choice.variant, kept)
        exactly = np.bincount(fooled, minlength=len(readers) + 1)
        exactly[0] -= len(fooled) - n  # what is not asked about
        found.append(exactly)
    exact = np.array(found)
    at_least = exact[:, ::-1].cumsum(axis=1)[:, ::-1]
    n = exact.sum(axis=1)[:, None]
    dims = ("model", "fooled")
    return answer(
        "how-many",
        f"how many of {len(readers)} models an image fools: {said_of(sets, choice)}",
        {
            "images": (dims, exact, "images that fool exactly so many"),
            "n": (dims, np.broadcast_to(n, exact.shape), "images of the set"),
            **shares("share", dims, exact, n, "share of images that fool exactly so many"),
            **shares("at_least", dims, at_least, n, "share of images that fool so many or more"),
        },
        {"model": [name.source for name in sets], "fooled": np.arange(len(readers) + 1)},
        note=f"Read by {', '.join(readers)}.",
    )


def _fooled(stored: StoredSet, readers: tuple[str, ...], variant: str, kept: tuple[int, ...]) -> tuple[np.ndarray, int]:
    """Return how many readers each image fools, 0 where it is of another class or was not shown to all of them.

    And how many images are of those classes and were.
    """
    wanted, total = among(stored.label, kept), da.zeros_like(stored.label, dtype=np.uint16)
    for reader in readers:
        reads = stored.reads(reader, variant)
        wanted = wanted & (reads != NOT_SHOWN)
        total = total + is_misread(reads, stored.label)
    fooled, n = computed(total * wanted, wanted.sum())
    return fooled, int(n)
