"""The table of adversarial negatives laid out for reading: a block for the sphere, and one for the box."""

import numpy as np
import xarray as xr

from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import names, number, rounded, span

_TITLES = {"sphere": "on the sphere, not clipped", "box": "inside the box [0, 1]"}


def negatives_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return a block for each place: a row of rates a model, and below it the share of its images with any."""
    return [_sheet(table, where) for where in names(table, "where")]


def _sheet(table: xr.Dataset, where: str) -> Sheet:
    multiples = [float(each) for each in table["multiple"].values]
    rows: list[tuple[str, ...]] = []
    for model in names(table, "model"):
        row = table.sel(model=model, where=where)
        rates, affected = ([_cell(row.isel(multiple=k), name) for k in range(len(multiples))] for name in _ENDS)
        rows += [
            (str(row["reader_name"].item()), number(row["distortion"], 4), *rates),
            ("  of the images", "", *affected),
        ]
    if where == "sphere":
        rows.append(("one flat boundary", "", *(_percent(float(each)) for each in table["flat_boundary"].values)))
    about = table.attrs
    title = f"Adversarial negatives, {_TITLES[where]}: {about['title']}, in %; study {about['study']}, "
    columns = ("model", "least distortion", *(f"{each:g} times" for each in multiples))
    return Sheet(title + str(about["dataset"]), columns, tuple(rows), _notes(table))


_ENDS = {"rate": ("low", "high"), "affected": ("affected_low", "affected_high")}


def _cell(cell: xr.Dataset, name: str) -> str:
    value, low, high = (float(cell[each]) for each in (name, *_ENDS[name]))
    return "" if np.isnan(value) else f"{_percent(value)} [{_percent(low)}, {_percent(high)}]"


def _percent(share: float) -> str:
    """Return a share in percent with two digits that count, however small; only 1 is 100."""
    return f"{100 * share:.2g}" if share < 0.1 else rounded(share, 0)


def _notes(table: xr.Dataset) -> tuple[str, ...]:
    seeds = table.attrs["seeds"]
    least, unseen = (float(table[name].min()) for name in ("resolution", "unseen"))
    out = int(table["out_of_reach"].sum())
    notes = (
        "The share of random directions that misread an image, at multiples of its own least distortion: the mean over "
        f"{span(table['images'].values)} images that the model reads correctly, each shown along "
        f"{table.attrs['directions']} directions"
        + (f" by {seeds} models from different seeds" if seeds > 1 else "")
        + ". Below it the share of images with at least one. In brackets 95% intervals over images: the bootstrap's, "
        "and Wilson's.",
        f"The least rate but 0 that could be found is {_percent(least)}%, one direction of one image. None found does "
        "not mean none: images, not directions, are the independent units, and an interval's upper end is at least "
        f"1 - 0.05^(1/images), here from {_percent(unseen)}%, the rule of three. Only if all images were alike would "
        "three times the least rate be excluded.",
        "One flat boundary: the share of directions that cross a plane at such a multiple of its distance. The least "
        "distortion is that inside the box; on the sphere the boundary may be nearer.",
    )
    return notes + ((f"Along {out} directions the box holds no such distortion: they are not counted.",) if out else ())
