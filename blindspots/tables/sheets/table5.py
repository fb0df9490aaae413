"""Table 5 laid out for reading: a row a layer, with the product of the rows at the end."""

import math
from collections.abc import Callable
from math import ceil, floor

import xarray as xr

from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import names

_COLUMNS = (
    "layer",
    "paper: size",
    "paper: stride",
    "paper: bound",
    "ours: size",
    "ours: stride",
    "as fed",
    "per pixel",
    "eq. (1) printed",
    "corrected",
    "reshaped",
)
_UNITS = ("", "_per_pixel")


def table5_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the one block of Table 5."""
    rows = [_row(table.sel(row=name)) for name in names(table, "row")]
    about = table.attrs
    end = "product of all" if about.get("whole", 1) else "product of those with weights"
    ours = [f"up to {_shown(about[f'product{unit}'], ceil)}" for unit in _UNITS if "product" in about] or [""] * 2
    rows.append((end, "", "", _shown(about["paper_product"]), "", "", *ours, "", "", ""))
    of = f"; ours: {about['described']}, {about['input_shape']}" if "described" in about else ""
    return [Sheet(f"Table 5: {about['title']}{of}", _COLUMNS, tuple(rows), _notes(table))]


def _row(row: xr.Dataset) -> tuple[str, ...]:
    state = str(row["state"].item())
    texts = (str(row[name].item()) for name in ("row", "paper_size", "paper_stride", "paper_printed", "size", "stride"))
    name, *theirs, size, stride = texts
    bounds = (_between(float(row[f"lower{unit}"]), float(row[f"upper{unit}"])) for unit in _UNITS)
    others = (_shown(float(row[column])) for column in ("printed", "corrected", "reshaped"))
    return (name, *theirs, state or size, stride, *bounds, *others)


def _between(lower: float, upper: float) -> str:
    """Return both ends, or the number that they both are."""
    ends = _shown(lower, floor), _shown(upper, ceil)
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _shown(value: float, whole: Callable[[float], int] = round) -> str:
    """Return four digits, made so by ``whole``; a whole number as it is, even if wrong beyond the sixth digit."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "unbounded"
    if abs(value - round(value)) <= 1e-6 * abs(value) and abs(value) < 1e4:  # the 2 of pooling may be rounded up
        return str(round(value))
    below = 3 - floor(math.log10(abs(value)))  # digits behind the point
    rounded = whole(value * 10.0**below) / 10.0**below
    return f"{rounded:.{below}f}" if 0 <= below < 8 else f"{rounded:.3e}"


def _notes(table: xr.Dataset) -> tuple[str, ...]:
    notes: tuple[str, ...] = (
        "Ours: lower and upper bound of the layer's Lipschitz constant, rounded down and up, with its stride and zero "
        "padding; of a convolution or a fully connected layer that is its norm. As fed: of the input after "
        "normalisation. Per pixel: of an image in [0, 1], from which only the first layer differs. Rectification and "
        "dropout have 1. The paper's caption says frame bounds, which are squared norms; its values are norms.",
    )
    if "product" not in table.attrs:
        return (*notes, "There are no weights at hand, so that no number is ours.")
    if not table.attrs["whole"]:
        lacking = [name for name, state in zip(names(table, "row"), names(table, "state"), strict=True) if state]
        notes += (f"No weights: {', '.join(lacking)}; the product of ours leaves them out, the paper's does not.",)
    has = {name.split()[0] for name in names(table, "row")}
    if "Pool" in has:
        notes += (
            "Max pooling is called contractive in the paper. Its windows overlap here, 3 x 3 at stride 2: a value can "
            "be the largest of four, and the sound bound is 2.",
        )
    if "Norm" in has:
        notes += (
            "Norm: response normalisation over neighbouring maps. The paper bounds another kind, over a whole vector, "
            "and its table has no row for either.",
        )
    return (
        *notes,
        "Equation (1) is that of a circular layer of the input's own size: as printed it lacks a factor of the stride, "
        "corrected it is still no bound of the zero-padded layer. Reshaped: the norm of the kernel as a matrix, as in "
        "torch's spectral_norm, which is none either.",
    )
