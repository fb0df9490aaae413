"""Tables 1 and 3 laid out for reading: the errors beside the paper's, then the distortions under each rule."""

import numpy as np
import xarray as xr

from blindspots.names import NEAREST
from blindspots.tables.agreement import DECIDES
from blindspots.tables.model_tables import ERRORS
from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import mean, names, number, percent, printed, rate, rules, span, title

_COLUMNS = {"training_error": "training error %", "p1_error": "error on P1 %", "p2_error": "error on P2 %"}


def model_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the blocks of Table 1 or 3."""
    return [_errors(table), *(_distortions(table, rule) for rule in rules(table))]


def _errors(table: xr.Dataset) -> Sheet:
    errors, shown = ERRORS[int(table.attrs["table"])], rules(table)
    columns = ["model"]
    for error in errors:
        columns += [_COLUMNS.get(error, "test error %"), "paper"]
    rows = []
    for model in names(table, "model"):
        row = table.sel(model=model)
        cells = [str(row["paper_name"].item())]
        for error in errors:
            decimals = 2 if float(row[error]) < 0.05 else 1
            ends = row[f"{error}_low"], row[f"{error}_high"]
            cells.append(
                rate(row[error], *ends, flag=row[f"{error}_overlap"], decimals=decimals)
                + _over_seeds(100 * float(row[f"{error}_spread"]), 2)
            )
            theirs = row[f"{error}_paper_low"], row[f"{error}_paper_high"]
            cells.append(printed(row[f"{error}_paper_printed"].item(), *theirs, decimals=decimals))
        for rule in shown:
            cells.append(number(row["distortion"].sel(rule=rule), 4))
            cells += [number(row["distortion_paper"], 3)] * (rule == DECIDES)
        rows.append(tuple(cells))
    there = {error: split for error, split in errors.items() if int(table[f"{error}_n"].max())}
    images = ", ".join(f"{span(table[f'{error}_n'])} {split} images" for error, split in there.items())
    notes = (
        f"Errors on {images}, with their Wilson 95% interval; the paper's, as printed, with the interval of the full "
        f"split and of its rounding. Average distortions by rule; the paper's are those of a random target.",
        *_seeds(table),
    )
    for rule in shown:
        columns += [f"distortion, {rule}", *["paper"] * (rule == DECIDES)]
    return Sheet(title(table), tuple(columns), tuple(rows), notes)


def _distortions(table: xr.Dataset, rule: str) -> Sheet:
    """Return the block of one rule; only that of the paper's sets is held against the paper's."""
    rows = []
    beside, nearest = rule == DECIDES, rule == NEAREST
    for model in names(table, "model"):
        cell = table.sel(model=model, rule=rule)
        success = percent(cell["success"])
        rows.append(
            (
                str(cell["paper_name"].item()),
                mean(cell, "distortion", 4) + _over_seeds(float(cell["distortion_spread"]), 4),
                span(cell["distortion_n"]),
                *((number(cell["distortion_paper"], 3), _relative(float(cell["distortion_difference"]))) * beside),
                number(cell["distortion_all"], 4),
                number(cell["to_exact"], 5),
                _bracket(cell) if nearest else number(cell["lower_bound"], 5),
                percent(cell["survives_eight_bits"]),
                success,
                span(cell["success_n"]),
            )
        )
    columns = (
        *("model", "distortion", "n"),
        *(("paper", "differs by") * beside),
        *("over all", "to exact", "lower bound", "8 bits %", "success %", "images"),
    )
    goal = "misread" if nearest else "read as the target"
    notes = (
        "Average distortion with its 95% interval, over the n images read correctly from the start; then over all "
        "images for which the search succeeded. To exact: mean ratio to the exact minimum, known for linear models. "
        + _proved(table) * nearest
        + f"8 bits: share still {goal} when rounded to 8 bits a value. Success: share of all images of the set.",
    )
    return Sheet(
        f"Table {table.attrs['table']}, distortions of {table.attrs['split']} images; rule {rule}",
        columns,
        tuple(rows),
        notes,
    )


def _bracket(cell: xr.Dataset) -> str:
    """Return how much of what was found is proved; the mean of the layers' bounds where nothing was proved nearby."""
    if not int(cell["bracket_n"]):
        return number(cell["lower_bound"], 5)
    return f"{percent(cell['bracket'])}% ({percent(cell['bracket_close'])}, {percent(cell['bracket_known'])})"


def _proved(table: xr.Dataset) -> str:
    """Return what a column of brackets says; nothing where there are none."""
    there = table["bracket_n"].values[table["bracket_n"].values > 0]
    if not len(there):
        return ""
    return (
        f"Lower bound, in %: how much of the distortion found is proved to be needed, in the mean over {span(there)} "
        "images; in brackets, for how many of them all but 1e-2 of it, and all but 1e-4. "
    )


def _relative(difference: float) -> str:
    return "" if np.isnan(difference) else f"{100 * difference:+.1f}%"


def _over_seeds(spread: float, decimals: int) -> str:
    return "" if np.isnan(spread) else f" ±{spread:.{decimals}f}"


def _seeds(table: xr.Dataset) -> tuple[str, ...]:
    seeds = int(table.attrs["seeds"])
    if seeds == 1:
        return ()
    return (
        f"Means over {seeds} seeds; ± is the standard deviation over them. All seeds are shown the same images, whose "
        "number is that of one seed.",
    )
