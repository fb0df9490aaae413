"""Whether models misread the same images."""

from collections.abc import Sequence

import dask.array as da
import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.results.queries.answers import answer, said_of, shares
from blindspots.results.queries.choice import Choice, chosen_classes, chosen_readers, chosen_sets, class_names
from blindspots.results.queries.stored_set import Column, StoredSet, among, computed, is_misread
from blindspots.results.results import Results
from blindspots.store.predictions import NOT_SHOWN


def agreement(results: Results, choice: Choice) -> xr.Dataset:
    """Return for each set and pair of readers how often both misread an image, and of those that either misreads.

    Beside it stands how often both would, were their mistakes independent.
    """
    readers = chosen_readers(results.study, choice)
    if len(readers) < 2:
        raise InputError(f"{readers[0]} alone agrees with nobody: name two readers or more")
    sets = chosen_sets(results.study, choice)
    kept = chosen_classes(choice, lambda: class_names(results))
    first, second = np.triu_indices(len(readers), k=1)
    found = []
    for name in sets:
        stored = StoredSet(results, name)
        wanted = among(stored.label, kept)
        reads = [stored.reads(reader, choice.variant) for reader in readers]
        shown = _rows([wanted & (each != NOT_SHOWN) for each in reads])
        misread = _rows([wanted & is_misread(each, stored.label) for each in reads])
        n, one, both = computed(shown @ shown.T, misread @ shown.T, misread @ misread.T)  # counts, so exact
        found.append([each[first, second] for each in (n, one, one.T, both)])
    n, one, other, both = np.moveaxis(np.array(found).astype(np.int64), 1, 0)
    either = one + other - both
    dims = ("model", "pair")
    with np.errstate(invalid="ignore", divide="ignore"):
        by_chance = np.where(n > 0, (one / n) * (other / n), np.nan)
    return answer(
        "agreement",
        f"which models misread the same images: {said_of(sets, choice)}",
        {
            "first": ("pair", [readers[each] for each in first], "a reader"),
            "second": ("pair", [readers[each] for each in second], "another reader"),
            "n": (dims, n, "images shown to both"),
            "both_misread": (dims, both, "images that both misread"),
            "either_misreads": (dims, either, "images that one at least misreads"),
            **shares("both", dims, both, n, "share of images that both misread"),
            "by_chance": (dims, by_chance, "that share, were their mistakes independent"),
            **shares("overlap", dims, both, either, "share of those misread by both among those misread by either"),
        },
        {"model": [name.source for name in sets], "pair": np.arange(1, len(first) + 1)},
    )


def _rows(columns: Sequence[Column]) -> Column:
    """Return columns of truth values as the rows of one matrix of numbers."""
    return da.stack(columns).astype(np.float64).rechunk({0: -1})
