"""The table of the models' bounds laid out for reading."""

import xarray as xr

from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import names, number, percent, span

_MOST_NORMS = 8
"""Layers whose norms are written out."""


def bounds_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the one block: a row a model."""
    about = table.attrs
    rows = [_row(table.sel(model=model)) for model in names(table, "model")]
    title = f"{about['title'].capitalize()} (section 4.3); study {about['study']}, {about['dataset']}"
    columns = (
        *("model", "norms of its layers", "bound of the network", "least distortion", "certified", "ratio %"),
        *("proved near the image %", "by", "to 1e-2 %", "to 1e-4 %"),
    )
    return [Sheet(title, columns, tuple(rows), _notes(table))]


def _row(row: xr.Dataset) -> tuple[str, ...]:
    product, least, most = (float(row[name]) for name in ("product", "product_least", "product_most"))
    return (
        str(row["reader_name"].item()),
        _few(str(row["norms"].item())),
        f"{product:.4g}" if least == most else f"{product:.4g} [{least:.4g}, {most:.4g}]",
        number(row["distortion"], 4),
        number(row["lower_bound"], 4),
        percent(row["closed"]),
        percent(row["near"]),
        str(row["near_by"].item()),
        percent(row["near_close"]),
        percent(row["minimal"]),
    )


def _few(norms: str) -> str:
    """Return the norms of a network's layers, or of many how many there are and between what they lie."""
    each = norms.split(", ")
    if len(each) <= _MOST_NORMS:
        return norms
    least, greatest = min(each, key=float), max(each, key=float)
    return f"{len(each)}: {least} to {greatest}"


def _notes(table: xr.Dataset) -> tuple[str, ...]:
    seeds = int(table.attrs["seeds"])
    several = (
        f"; means over {seeds} seeds, in brackets the least and the greatest, norms of the first" if seeds > 1 else ""
    )
    return (
        "Norms: upper bounds of the operator norms of the layers with weights, in order. Bound of the network: how far "
        "two images can be spread apart at most, the product of all layers' constants, where a sigmoid has 1/4 "
        f"(slip: sigmoids){several}.",
        "Least distortion: found by the search, mean over "
        f"{span(table['images'].values)} images that the model reads correctly, rule {table.attrs['rule']}; certified: "
        "proved by the layers' bounds that none is below; ratio: of the two, image by image. Near the image: the same "
        "ratio, where the proof takes into account how the network can bend within reach of an image, by its second "
        "derivatives (local) or by linear bounds (relaxation), over "
        f"{span(table['near_images'].values)} images; and for how many of them the least distortion is known to 1e-2, "
        "and to 1e-4.",
    )
