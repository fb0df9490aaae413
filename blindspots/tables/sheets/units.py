"""The table of units laid out for reading: a block for raw activations, one for those at unit length, and a verdict."""

import numpy as np
import xarray as xr

from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import names
from blindspots.tables.units import PIXELS, random_cell
from blindspots.units.coherence import OF_FEATURES, OF_PIXELS, OF_WORDNET, SAME_BRANCH, SAME_LABEL
from blindspots.units.record import deciding

_MEASURED = {
    SAME_LABEL: "share of pairs of them with the same label",
    OF_WORDNET: "how alike pairs of them are by WordNet (Wu and Palmer)",
    SAME_BRANCH: "share of pairs of them in the same branch of WordNet",
    OF_FEATURES: "cosine of pairs of them in another network's features",
    OF_PIXELS: "cosine of pairs of them as they are",
}
SIGNIFICANT = 0.05
"""Level of the tests, over all layers of a state together (Bonferroni)."""
_VIEWS = {"raw": "activations as they are", "unit-length": "activations at unit length per picture"}


def units_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return a block for each way of taking the activations: a row a layer, trained and untrained, and the pixels."""
    return [_sheet(table, view) for view in names(table, "view")]


def _sheet(table: xr.Dataset, view: str) -> Sheet:
    first = deciding(table)
    others = [name for name in names(table, "measure") if name not in (SAME_LABEL, first)]
    columns = (
        *("layer", "live", "dead", "units", "random", "kept", "p"),
        *(f"kept, {name}" for name in others),
        *("in one branch" for _ in _branches(table)),
        "different",
    )
    rows = tuple(_row(table, row, view, others) for row in range(table.sizes["row"]))
    about = table.attrs
    title = (
        f"{about['title'].capitalize()}, in %: {_VIEWS[view]}; study {about['study']}, the {about['top']} of "
        f"{about['images']} {about['split']} images of {about['dataset']} to which each answers most"
    )
    return Sheet(title, columns, rows, (*_notes(table), *verdict(table)))


def _row(table: xr.Dataset, row: int, view: str, others: list[str]) -> tuple[str, ...]:
    of, cell = table.isel(row=row), random_cell(table, row, view, deciding(table))
    live = int(of["units"]) - int(of["dead"])
    shown = f"{live}" if live == int(of["shown"]) else f"{int(of['shown'])} of {live}"
    of_branch = [random_cell(table, row, view, name) for name in _branches(table)]
    kept = [_kept(random_cell(table, row, view, name)) for name in (deciding(table), *others)]
    return (
        row_name(table, row),
        shown,
        str(int(of["dead"])),
        *(_percent(_mean(cell[name]), 1) for name in ("units_coherence", "coherence")),
        kept[0],
        ", ".join(f"{p:.3g}" for p in cell["p"].values[np.isfinite(cell["p"].values)]),
        *kept[1:],
        *(
            f"{_percent(_mean(each['units_coherence']), 1)}, {_percent(_mean(each['coherence']), 1)}"
            for each in of_branch
        ),
        f"{_percent(_mean(cell['units_distinct']))}, {_percent(_mean(cell['distinct']))}",
    )


def _branches(table: xr.Dataset) -> list[str]:
    """Return the measure by WordNet's branches, where it is there and another decides."""
    return [SAME_BRANCH] if SAME_BRANCH in names(table, "measure") and deciding(table) != SAME_BRANCH else []


def row_name(table: xr.Dataset, row: int) -> str:
    """Return what a reader calls a row."""
    of = table.isel(row=row)
    model, layer = str(of["model"].item()), str(of["layer"].item())
    if model == PIXELS:
        return PIXELS
    return f"{model} {layer}" + ("" if bool(of["trained"]) else ", untrained")


def _kept(cell: xr.Dataset) -> str:
    """Return the share kept, its mean over seeds, between the outermost ends of their intervals."""
    share, low, high = cell["kept"].values, cell["kept_low"].values, cell["kept_high"].values
    if not np.isfinite(share).any():
        return "-"
    return f"{_percent(np.nanmean(share))} [{_percent(np.nanmin(low))}, {_percent(np.nanmax(high))}]"


def _mean(values: xr.DataArray) -> float:
    return float(np.nanmean(values.values))


def _percent(share: float, decimals: int = 0) -> str:
    return f"{100 * share:.{decimals}f}"


def _notes(table: xr.Dataset) -> tuple[str, ...]:
    about = table.attrs
    seeds = int(about["seeds"])
    several = "; means over seeds, with the outermost ends of their intervals and every seed's p" if seeds > 1 else ""
    chance = np.nanmean(random_cell(table, 0, names(table, "view")[0], deciding(table))["chance"].values)
    chances = [
        float(np.nanmean(random_cell(table, 0, names(table, "view")[0], name)["chance"].values))
        for name in _branches(table)
    ]
    of_branch = "".join(
        f" In one branch: {_MEASURED[SAME_BRANCH]}, of the units and of random directions; of random images it is "
        f"{_percent(share, 1)}%."
        for share in chances
    )
    return (
        "Of each live unit, and of each direction of random rotations of them, the images to which it answers most. "
        f"Units, random: {_MEASURED.get(deciding(table), deciding(table))}; of random images it is "
        f"{_percent(chance, 1)}%, chance. Kept: (random - chance) / (units - chance), in brackets its 95% interval "
        "over units and bases, the images held fixed; - where units are not above chance. Further columns: the same, "
        f"images compared otherwise. p: rank of the units among {about['rotations']} random rotations by how alike the "
        "images are, (1 + those at least as high) / (rotations + 1), exact if the units are one of them. Different: "
        "images in all sets of the units, and of the directions, as a share of what they could hold: sets that share a "
        f"few images are alike for that{several}.{of_branch}",
    )


def verdict(table: xr.Dataset) -> tuple[str, ...]:
    """Return the paper's claim held against the table, in one paragraph a way of taking the activations."""
    model, trained = table["model"].values, table["trained"].values.astype(bool)
    of_models = np.array([str(each) != PIXELS for each in model])
    said = []
    for view in names(table, "view"):
        parts = [
            part
            for state, rows in (("trained", of_models & trained), ("untrained", of_models & ~trained))
            if (part := _state(table, view, state, np.flatnonzero(rows)))
        ]
        for row in np.flatnonzero(~of_models):
            share = _kept(random_cell(table, int(row), view, deciding(table)))
            parts.append(
                "raw pixels, as units, are no more alike than chance"
                if share == "-"
                else f"of raw pixels they keep {share}%"
            )
        said.append(f"Verdict, {_VIEWS[view]}: {'; '.join(parts)}.")
    return tuple(said)


def _state(table: xr.Dataset, view: str, state: str, rows: np.ndarray) -> str:
    if not len(rows):
        return ""
    cells = [random_cell(table, int(row), view, deciding(table)) for row in rows]
    p = np.array([np.nanmax(cell["p"].values) for cell in cells])  # of several seeds all must tell
    level = SIGNIFICANT / len(rows)
    special = int((p <= level).sum())
    shares = np.array([cell["kept"].values for cell in cells])
    found = shares[np.isfinite(shares)]
    span = f"{_percent(found.min())} to {_percent(found.max())}%" if len(found) else "nothing"
    short = "" if level >= 1 / (table.attrs["rotations"] + 1) else " (more rotations are wanted for so many layers)"
    return (
        f"in {special} of {len(rows)} layers {'of the trained networks' if state == 'trained' else 'before training'} "
        f"units are told from random directions, p at most {level:.2g}{short}, and directions keep {span} of their "
        "coherence above chance"
    )
