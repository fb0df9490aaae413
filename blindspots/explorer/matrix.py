"""Every set shown to every model, as a table of links: who is fooled by whose images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from blindspots.explorer.view import EVERY, View, all_sets
from blindspots.intervals import wilson
from blindspots.results.queries.choice import SetName
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.study import Study

Counts = Mapping[tuple[str, str, int, str, str], tuple[int, int]]
"""Images shown and images misread by source, target, seed, split and rule, where some were shown."""


@dataclass(frozen=True)
class Cell:
    """The share of a set's images that a model misreads."""

    text: str
    """In percent; empty where the model was not shown the set."""
    title: str
    shade: int
    """From 0 to 10, by the share."""
    address: str
    """Where the images are seen that the model misreads."""
    here: bool
    """Whether that is what is looked at."""


@dataclass(frozen=True)
class Row:
    """A set."""

    name: str
    address: str
    here: bool
    cells: tuple[Cell, ...]


def transfer_counts(results: Results) -> Counts:
    """Return what the store has counted of sets as they are shown plainly; nothing before the stage transfer."""
    found = results.find(layout.TRANSFER)
    if found is None:
        return {}
    order = ("source", "target", "seed", "split", "rule")
    table = found[["n", "misread"]].sel(variant="plain").transpose(*order).load()
    names = [table[dim].values.tolist() for dim in order]
    n, misread = table["n"].values, table["misread"].values
    return {
        tuple(axis[place] for axis, place in zip(names, at, strict=True)): (int(n[at]), int(misread[at]))
        for at in zip(*(places.tolist() for places in np.nonzero(n)), strict=True)
    }


def matrix(study: Study, counts: Counts, view: View) -> tuple[Row, ...]:
    """Return a row a source, of the split and rule that are looked at where it has such a set; without counts none."""
    shown = {(source, seed, split, rule) for source, _, seed, split, rule in counts}
    there = [name for name in all_sets(study).values() if (name.source, name.seed, name.split, name.rule) in shown]
    rows = []
    for name in _a_set_a_source(there, view.set):
        cells = tuple(_cell(view, counts, name, spec.name) for spec in study.models)
        label = name.source if name.split == view.set.split else f"{name.source}, {name.split}"
        rows.append(Row(label, replace(view, set=name, page=1).address(), name == view.set, cells))
    return tuple(rows)


def _a_set_a_source(there: Sequence[SetName], wanted: SetName) -> list[SetName]:
    """Return one set of each source: the one of the wanted split and rule, or the first that it has."""
    best: dict[str, SetName] = {}
    for name in there:
        if name.seed == wanted.seed:
            before = best.setdefault(name.source, name)
            if _likeness(name, wanted) > _likeness(before, wanted):
                best[name.source] = name
    return list(best.values())


def _likeness(name: SetName, wanted: SetName) -> int:
    return 2 * (name.split == wanted.split) + (name.rule == wanted.rule)


def _cell(view: View, counts: Counts, name: SetName, target: str) -> Cell:
    n, misread = counts.get((name.source, target, name.seed, name.split, name.rule), (0, 0))
    if not n:
        return Cell("", f"{target} was not shown {name.source}", 0, "", False)
    low, high = wilson(misread, n)
    share = misread / n
    title = (
        f"{target} misreads {100 * share:.2f}% of {n:,} images of {name.source}, {name.split}, {name.rule}: "
        f"95% interval {100 * low:.2f} to {100 * high:.2f}%"
    )
    fooling = View(name, fooled=(target,), kind=EVERY, by=view.by, descending=view.descending)
    here = name == view.set and view.fooled == (target,)
    return Cell(f"{100 * share:.1f}", title, round(10 * share), fooling.address(), here)
