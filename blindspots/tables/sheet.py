"""A table laid out for reading: text cells in rows and columns, with what stands above and below."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

MARK = "!"
"""Stands after a value whose interval does not overlap with the paper's."""


@dataclass(frozen=True)
class Sheet:
    """One block of a table."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the blocks of Table 1 or 2: ours, with the paper's values beside or below."""
    return [_sheet1(table)] if table.attrs["table"] == 1 else [_sheet2(table, rule) for rule in _names(table, "rule")]


def verdicts(table: xr.Dataset) -> list[str]:
    """Return how many of the paper's cells ours overlap with."""
    if table.attrs["table"] == 1:
        flags = np.concatenate([table[f"{name}_overlap"].values for name in ("training_error", "test_error")])
        return [_verdict("errors", flags)]
    lines = []
    models = _names(table, "target")
    for rule in _names(table, "rule"):
        of_rule = table["overlap"].sel(rule=rule)
        square = of_rule.sel(source=models).values
        aside = square[~np.eye(len(models), dtype=bool)]
        lines.append(_verdict(f"rule {rule}: off-diagonal error rates", aside))
    noise = [source for source in _names(table, "source") if source not in models]
    lines.append(_verdict("noise: error rates", table["overlap"].isel(rule=0).sel(source=noise).values))
    return lines


def _verdict(what: str, flags: np.ndarray) -> str:
    known = flags[flags >= 0]
    return f"{what}: {int(known.sum())} of {known.size} intervals overlap with the paper's"


def _sheet1(table: xr.Dataset) -> Sheet:
    rules = _names(table, "rule")
    columns = ["model", "training error %", "paper", "test error %", "paper"]
    for rule in rules:
        columns += [f"{rule} (all)", "to exact"] if rule == "nearest" else [f"{rule} (all)"]
    rows = []
    for model in _names(table, "model"):
        row = table.sel(model=model)
        cells = [str(row["paper_name"].item()) or model]
        for name in ("training_error", "test_error"):
            flag = MARK if int(row[f"{name}_overlap"]) == 0 else ""
            cells.append(_rate(row[name], row[f"{name}_low"], row[f"{name}_high"]) + flag)
            cells.append(_percent(row[f"{name}_paper"]))
        for rule in rules:
            of_rule = row.sel(rule=rule)
            cells.append(f"{_number(of_rule['distortion'], 4)} ({_number(of_rule['distortion_all'], 4)})")
            if rule == "nearest":
                cells.append(_number(of_rule["to_exact"], 5))
        rows.append((*cells, _number(row["distortion_paper"], 3)))
    n = sorted({int(value) for value in table["distortion_n"].values.flat})

    def _kept(rule: str) -> str:
        shares = 100 * table["survives_eight_bits"].sel(rule=rule).values
        return f"{shares.min():.0f} to {shares.max():.0f}% of the sets {rule} are still misread, or read as the target"

    notes = (
        "Errors with their Wilson 95% interval. Then the average distortion of each rule's sets, over the images read "
        f"correctly from the start ({n[0]} to {n[-1]} a set) and, in brackets, over all; for linear models the mean "
        "ratio to the exact minimum. The paper's distortions, last, are those of a random target.",
        "Kept as 8 bits a value, " + "; ".join(map(_kept, rules)) + ".",
        *_success(float(table["success"].min())),
    )
    return Sheet(_title(table), (*columns, "paper"), tuple(rows), notes)


def _sheet2(table: xr.Dataset, rule: str) -> Sheet:
    of_rule = table.sel(rule=rule)
    targets = _names(table, "target")
    rows = []
    for source in _names(table, "source"):
        row = of_rule.sel(source=source)
        ours, theirs = [source], ["  paper"]
        for target in targets:
            cell = row.sel(target=target)
            flag = MARK if int(cell["overlap"]) == 0 else ""
            ours.append(_rate(cell["rate"], cell["low"], cell["high"]) + flag)
            theirs.append(_rate(cell["paper"], cell["paper_low"], cell["paper_high"]))
        ours.append(_number(row["distortion"], 4))
        theirs.append(_number(row["distortion_paper"], 3))
        rows.append(tuple(ours))
        if any(theirs[1:]):
            rows.append(tuple(theirs))
    clean = ["no perturbation"]
    own = of_rule.sel(source=targets[0])
    clean += [_percent(own["clean"].sel(target=target)) for target in targets]
    rows.append((*clean, ""))
    n = sorted({int(value) for value in of_rule["n"].values.flat})
    notes = (
        f"Error rates in % with their Wilson 95% interval, over all {n[-1]} images of a set; the paper's out of 256.",
        *_success(float(of_rule["success"].min())),
    )
    return Sheet(f"{_title(table)}; rule {rule}", ("set made for", *targets, "distortion"), tuple(rows), notes)


def _success(least: float) -> tuple[str, ...]:
    return () if least == 1 else (f"The search failed for up to {100 * (1 - least):.2f}% of a set's images.",)


def _title(table: xr.Dataset) -> str:
    about = table.attrs
    return (
        f"Table {about['table']}: {about['title']}; study {about['study']}, {about['dataset']}, {about['split']} images"
    )


def _names(table: xr.Dataset, dim: str) -> list[str]:
    return [str(name) for name in table[dim].values]


def _percent(value: Any) -> str:
    number = 100 * float(value)
    return "" if np.isnan(number) else f"{number:.2f}".rstrip("0").rstrip(".")


def _rate(rate: Any, low: Any, high: Any) -> str:
    numbers = [100 * float(value) for value in (rate, low, high)]
    return "" if np.isnan(numbers[0]) else "{:.1f} [{:.1f}, {:.1f}]".format(*numbers)


def _number(value: Any, decimals: int) -> str:
    return "" if np.isnan(float(value)) else f"{float(value):.{decimals}f}"
