"""Stores written by hand of as many trainings as a spread is taken from."""

from functools import cache
from itertools import product

import numpy as np
import xarray as xr

from blindspots.results.queries.choice import SetName
from blindspots.store import layout
from blindspots.study.study import Study
from blindspots.tables.repetition.cells import paper_cells
from tests.blindspots.tables.conftest import N, changed, stored
from tests.held import Held

SEEDS = 8


@cache
def _of_many() -> Study:
    return changed(seeds=SEEDS)


def trained(shift: float, called: str = "by-hand") -> Held:
    """Trainings that misread what the paper's do, and some more or fewer, sets of models by ``shift`` more.

    Each set's images are in an order of its own. ``called``: their study.
    """
    tree, random = stored(SEEDS), np.random.default_rng(0)
    transfer = tree["transfer"].to_dataset()
    groups: dict[str, dict[str, tuple[str, np.ndarray]]] = {}
    for cell, seed in product(paper_cells(_of_many()), range(SEEDS)):
        n = N[cell.rule]
        rate = min(1, cell.published.rate + shift * (cell.kind == "adversarial"))
        angle = np.arcsin(np.sqrt(rate)) + 0.02 * random.standard_normal()
        count = round(n * np.sin(np.clip(angle, 0, np.pi / 2)) ** 2)
        place = {"source": cell.source, "target": cell.target, "seed": seed, "split": cell.split, "rule": cell.rule}
        transfer["misread"].loc[{**place, "variant": cell.variant}] = count
        if cell.kind == "errors":
            continue
        name = SetName(cell.source, seed, cell.split, cell.rule)
        read = np.zeros(n, np.int8)
        read[random.permutation(n)[:count]] = 1
        groups.setdefault(name.predictions, {})[layout.prediction(cell.variant, cell.target)] = ("example", read)
        tree[name.group] = xr.DataTree(xr.Dataset({"label": ("example", np.zeros(n, np.int16))}))
    tree["transfer"] = xr.DataTree(transfer)
    for group, arrays in groups.items():
        tree[group] = xr.DataTree(xr.Dataset(arrays))
    return Held(tree, changed(seeds=SEEDS, name=called))
