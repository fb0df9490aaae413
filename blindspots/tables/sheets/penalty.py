"""The table of penalties laid out for reading: a block of errors, bounds and distortions, and one of transfer."""

import numpy as np
import xarray as xr

from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import mean, names, number, percent, rate, span

_SHOWN = {
    "to first": "its set, shown to the first",
    "from first": "the first's set, shown to it",
    "to others": "its set, shown to the others",
    "from others": "the others' sets, shown to it",
}


def penalty_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return what the strengths do to each model, with a paragraph a family, and what their sets do to one another."""
    return [_models(table), _transfer(table)]


def findings(table: xr.Dataset) -> tuple[str, ...]:
    """Return a paragraph a family: whether the penalty improves the test error, and what else it does."""
    return tuple(_finding(each) for each in _families(table))


def _families(table: xr.Dataset) -> list[xr.Dataset]:
    of = [str(name) for name in table["family"].values]
    return [table.isel(model=[i for i, each in enumerate(of) if each == name]) for name in dict.fromkeys(of)]


def _models(table: xr.Dataset) -> Sheet:
    rows = []
    for family in _families(table):
        for model in names(family, "model"):
            row = family.sel(model=model)
            rows.append(
                (
                    str(row["family"].item()),
                    f"{float(row['penalty']):g}",
                    percent(row["training_error"]),
                    _error(row) + _over_seeds(100 * float(row["test_error_spread"])),
                    _difference(row),
                    _product(row),
                    mean(row, "distortion", 4),
                    _certified(row),
                )
            )
    columns = ("model", "strength", "training error %", "test error %", "difference", "bound of the network")
    return Sheet(
        _title(table, "errors, bounds and least distortions"),
        (*columns, "least distortion", "certified"),
        tuple(rows),
        (_note(table), *findings(table)),
    )


def _transfer(table: xr.Dataset) -> Sheet:
    amplified = [name for name in names(table, "variant") if int(table["n"].sel(variant=name).sum())]
    rows = []
    for model in names(table, "model"):
        row = table.sel(model=model)
        for variant in amplified:
            cells = [row.sel(shown=shown, variant=variant) for shown in names(table, "shown")]
            label = f"  all at {table.attrs['amplified_to']:g}" if variant != "plain" else str(row["family"].item())
            strength = f"{float(row['penalty']):g}" if variant == "plain" else ""
            rows.append((label, strength, *(rate(each["rate"], each["low"], each["high"]) for each in cells)))
    first = "The first of a family is the one of the weakest penalty. "
    return Sheet(
        _title(table, "error rates of one model on another's set, in %"),
        ("model", "strength", *(_SHOWN[name] for name in names(table, "shown"))),
        tuple(rows),
        (
            first + f"Over all {span(table['n'].values)} images of a set, also those misread from the start, with "
            "Wilson 95% intervals; of several seeds or models the mean, with the interval of one. Sets as made differ "
            f"in size: below them all are shown at a distortion of {table.attrs['amplified_to']:g}.",
        ),
    )


def _title(table: xr.Dataset, what: str) -> str:
    about = table.attrs
    return f"A penalty on the Lipschitz bound: {what}; study {about['study']}, {about['dataset']}"


def _note(table: xr.Dataset) -> str:
    seeds = int(table.attrs["seeds"])
    several = (
        f"Means over {seeds} seeds; ± is the standard deviation over them. A difference, in percentage points to the "
        "family's first, is taken in pairs of a seed; its interval covers seeds and images, at 95% for all of a family "
        "together."
    )
    one = (
        "One seed. A difference, in percentage points to the family's first, has an interval over images alone, at 95% "
        "for all of a family together: it speaks of these models, not of how they were trained."
    )
    return (
        f"Test errors on {span(table['test_error_n'].values)} images with their Wilson 95% interval. "
        + (several if seeds > 1 else one)
        + " The bound is the product of the layers' (section 4.3), in brackets the least and the greatest of a seed. "
        f"Least distortions of {span(table['distortion_n'].values)} {table.attrs['split']} images read correctly, "
        f"rule {table.attrs['rule']}; certified: " + _proved(table)
    )


def _certified(row: xr.Dataset) -> str:
    """Return what is proved near the images, with its share of the found; by the layers' bounds where nothing is."""
    if not int(row["certified_n"]):
        return number(row["lower_bound"], 5)
    return f"{number(row['certified'], 4)} ({percent(row['bracket'])}%)"


def _proved(table: xr.Dataset) -> str:
    there = table["certified_n"].values[table["certified_n"].values > 0]
    if not len(there):
        return "the mean of their lower bounds."
    return (
        f"what is proved near {span(there)} of these images, the mean; in brackets how much of the least distortion "
        "found that is, image by image."
    )


def _finding(family: xr.Dataset) -> str:
    first, *rest = (family.sel(model=model) for model in names(family, "model"))
    lower, higher = (
        [f"{float(each['penalty']):g}" for each in rest if int(each["verdict"]) == sign] for sign in (-1, 1)
    )
    said = []
    if lower:
        said.append(f"lowers the test error at {_listed(lower)}")
    if higher:
        said.append(f"raises it at {_listed(higher)}" if lower else f"raises the test error at {_listed(higher)}")
    if not lower:
        said.append("is not shown to lower it" if higher else "is shown neither to lower nor to raise the test error")
    best = min(rest, key=lambda each: float(each["test_error"]))
    strongest = rest[-1]
    bound, distortion = (float(strongest[name] / first[name]) for name in ("product", "distortion"))
    weak, strong = (f"{float(each['penalty']):g}" for each in (first, strongest))
    return (
        f"{first['family'].item()}: the penalty {' and '.join(said)}. The least of the penalised errors is "
        f"{_error(best)}%, at {float(best['penalty']):g}, against {_error(first)}% at {weak}: "
        f"a difference of {_difference(best)} points. From {weak} to {strong} the bound goes from "
        f"{float(first['product']):.3g} to {float(strongest['product']):.3g}, {bound:.2f} times as large, and the mean "
        f"least distortion from {number(first['distortion'], 4)} to {number(strongest['distortion'], 4)}, "
        f"{distortion:.2f} times."
    )


def _listed(values: list[str]) -> str:
    return " and ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


def _error(row: xr.Dataset) -> str:
    return rate(row["test_error"], row["test_error_low"], row["test_error_high"], decimals=2)


def _difference(row: xr.Dataset) -> str:
    value, low, high = (100 * float(row[name]) for name in ("difference", "difference_low", "difference_high"))
    return "" if np.isnan(value) else f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _product(row: xr.Dataset) -> str:
    mean, least, most = (float(row[name]) for name in ("product", "product_least", "product_most"))
    return f"{mean:.3g}" if least == most else f"{mean:.3g} [{least:.3g}, {most:.3g}]"


def _over_seeds(spread: float) -> str:
    return "" if np.isnan(spread) else f" ±{spread:.2f}"
