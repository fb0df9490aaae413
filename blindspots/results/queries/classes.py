"""How a set transfers from class to class."""

from collections.abc import Callable

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.results.queries.answers import answer, said_of, shares
from blindspots.results.queries.choice import Choice, SetName, chosen_classes, chosen_readers, chosen_sets, class_names
from blindspots.results.queries.stored_set import Column, StoredSet, among, computed, counts, is_misread
from blindspots.results.results import Results


def transfer_by_class(results: Results, choice: Choice) -> xr.Dataset:
    """Return how often each reader misreads each set, by the class of the images."""
    sets = chosen_sets(results.study, choice)

    def column(stored: StoredSet) -> Column:
        return stored.label

    return _by(
        results,
        choice,
        sets,
        column=column,
        counted=lambda stored, reads: is_misread(reads, stored.label),
        named=("by-class", "label", "misread", "share of the class's images that the reader misreads"),
        title="how often models misread sets, by class",
    )


def transfer_by_target(results: Results, choice: Choice) -> xr.Dataset:
    """Return how often each reader reads the images of each set as their target, by that class.

    Under nearest the target is the class that was reached.
    """
    sets = chosen_sets(results.study, choice, of_models=True)
    return _by(
        results,
        choice,
        sets,
        column=lambda stored: stored.column("target"),
        counted=lambda stored, reads: reads == stored.column("target"),
        named=("by-target", "target", "as_target", "share of the images with this target that the reader reads as it"),
        title="how often models read sets as their targets, by target",
    )


def _by(
    results: Results,
    choice: Choice,
    sets: tuple[SetName, ...],
    *,
    column: Callable[[StoredSet], Column],
    counted: Callable[[StoredSet, Column], Column],
    named: tuple[str, str, str, str],
    title: str,
) -> xr.Dataset:
    """Return shares of images by set, reader and the class in ``column``."""
    question, dim, share, about = named
    readers = chosen_readers(results.study, choice)
    kept = chosen_classes(choice, lambda: class_names(results))
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for name in sets:
        stored = StoredSet(results, name)
        by, wanted = column(stored), among(stored.label, kept)
        size = 1 + int(computed(by.max())[0])
        each = []
        for reader in readers:
            reads = stored.reads(reader, choice.variant)
            shown = wanted & (reads >= 0)
            each += [counts(by, size, shown), counts(by, size, shown & counted(stored, reads))]
        read = np.array(computed(*each)).reshape(len(readers), 2, size)
        found.append((read[:, 0], read[:, 1]))
    most = max(n.shape[1] for n, _ in found)
    n, true = (np.array([np.pad(pair[at], ((0, 0), (0, most - pair[at].shape[1]))) for pair in found]) for at in (0, 1))
    dims = ("model", "reader", dim)
    return answer(
        question,
        f"{title}: {said_of(sets, choice)}",
        {
            "n": (dims, n, "images shown"),
            "images": (dims, true, "images of which it is true"),
            **shares(share, dims, true, n, about),
        },
        {"model": [name.source for name in sets], "reader": list(readers), dim: np.arange(most)},
    )


def read_as(results: Results, choice: Choice) -> xr.Dataset:
    """Return what the images of each class are read as, by the model whose set it is or by the one reader named."""
    if len(choice.readers) > 1:
        raise InputError(f"readers {', '.join(choice.readers)}: one at most is wanted, the sets' own model otherwise")
    sets = chosen_sets(results.study, choice, of_models=not choice.readers)
    kept = chosen_classes(choice, lambda: class_names(results))
    tables = []
    for name in sets:
        stored = StoredSet(results, name)
        (reader,) = chosen_readers(results.study, choice) if choice.readers else (name.source,)
        reads, wanted = stored.reads(reader, choice.variant), among(stored.label, kept)
        size = 1 + max(map(int, computed(stored.label.max(), reads.max())))
        joint = stored.label.astype(np.int64) * size + reads
        (found,) = computed(counts(joint, size * size, wanted & (reads >= 0)))
        tables.append(found.reshape(size, size))
    most = max(map(len, tables))
    joint = np.array([np.pad(each, (0, most - len(each))) for each in tables])
    n = joint.sum(axis=2, keepdims=True)
    dims = ("model", "label", "read")
    reader = choice.readers[0] if choice.readers else "their own models"
    return answer(
        "read-as",
        f"what the images of sets are read as by {reader}: {said_of(sets, choice)}",
        {
            "images": (dims, joint, "images of the class label that are read as the class read"),
            "n": (dims, np.broadcast_to(n, joint.shape), "images of the class"),
            **shares("share", dims, joint, n, "share of the class's images that are read so"),
        },
        {"model": [name.source for name in sets], "label": np.arange(most), "read": np.arange(most)},
    )
