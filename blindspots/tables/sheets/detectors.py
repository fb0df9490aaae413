"""The table of detectors laid out for reading: a row an extractor, and what they say beside raw pixels."""

import numpy as np
import xarray as xr

from blindspots.study.detector_spec import PIXELS
from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import names, number

_COLUMNS = ("features of", "number", "AUC", "above pixels", "detected", "missed", "at distortion")


def detectors_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the one block: a row an extractor, and below which of them tell more than raw pixels."""
    about = table.attrs
    title = (
        f"{about['title'].capitalize()}; study {about['study']}, {about['positive']} of {about['pictures']} test "
        f"pictures of {about['dataset']} show a {about['what']}"
    )
    rows = tuple(_row(table, name) for name in names(table, "extractor"))
    return [Sheet(title, _COLUMNS, rows, (_NOTES, verdict(table)))]


_NOTES = (
    "AUC: area under the ROC curve of a linear classifier on features that stay as they are, each picture scored by "
    "the classifier of the other folds, with its 95% interval over pictures (DeLong). Above pixels: how much larger it "
    "is than on raw pixels, with the interval of the difference over the same pictures. Detected: positive pictures "
    "that a classifier of all pictures finds. Missed: of those of them that are moved to where they are no longer "
    "found; at distortion: mean root mean square of the change of a value."
)


def _row(table: xr.Dataset, name: str) -> tuple[str, ...]:
    cell = table.sel(extractor=name)
    return (
        name,
        str(int(cell["features"])),
        _interval(cell, "area"),
        _interval(cell, "difference", sign="+"),
        str(int(cell["detected"])),
        f"{int(cell['misled'])} of {int(cell['moved'])}",
        number(cell["distortion"], 5),
    )


def _interval(cell: xr.Dataset, name: str, *, sign: str = "") -> str:
    value, low, high = (float(cell[each]) for each in (name, f"{name}_low", f"{name}_high"))
    if np.isnan(value):
        return ""
    return f"{value:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]"


def verdict(table: xr.Dataset) -> str:
    """Return which extractors' features tell more than raw pixels do, and whose detector Figure 6 can rest on."""
    others = [name for name in names(table, "extractor") if name != PIXELS]
    if not others:
        return "Verdict: there are no features but the pixels to hold against them."
    better = [name for name in others if float(table.sel(extractor=name)["difference_low"]) > 0]
    rest = [name for name in others if name not in better]
    said = [f"features of {', '.join(better)} tell more than raw pixels do"] if better else []
    if rest:
        said.append(
            f"those of {', '.join(rest)} do not clearly tell more than raw pixels, so that what misleads their "
            "detector says little"
        )
    return f"Verdict: {'; '.join(said)}."
