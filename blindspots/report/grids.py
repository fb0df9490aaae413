"""The tables of the paper laid out for the page: ours above the paper's in every cell."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import xarray as xr

from blindspots.names import NO_RULE
from blindspots.report.blocks import Cell, Grid, Row
from blindspots.report.findings import DIAGONAL, Ledger
from blindspots.report.numbers import count, interval, number, rate, signed
from blindspots.tables.agreement import DECIDES, Compared, compared, with_variants
from blindspots.tables.model_tables import ERRORS
from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import names, percent, rules

_ERROR_HEADS = {
    "training_error": "training error, %",
    "p1_error": "error on P1, %",
    "p2_error": "error on P2, %",
    "test_error": "test error, %",
}
_VARIANTS = {
    "plain": "{}",
    "amplified": "{}, amplified to {:g}",
    "amplified-clipped": "{}, amplified to {:g}, then clipped",
    "amplified-in-box": "{}, amplified to {:g} inside [0, 1]",
}
_WIDE = 8  # columns from which a table is better printed across the sheet


def error_grid(table: xr.Dataset, ledger: Ledger) -> Grid:
    """Return Table 1 or 3: a row a model, its errors and, under each rule, the average distortion of its sets."""
    number_, shown = int(table.attrs["table"]), rules(table)
    published = {(each.row, each.column): each for each in compared(table)}
    rows = []
    for model in names(table, "model"):
        row = table.sel(model=model)
        cells = []
        for error, split in ERRORS[number_].items():
            n = f"n = {count(int(row[f'{error}_n']))}"
            theirs = published.get((model, split))
            spread = _spread(100 * float(row[f"{error}_spread"]), 2)
            cell = ledger.cell(theirs, n=n) if theirs else _plain(row, error, f"{error}_", n)
            cells.append(replace(cell, spread=spread))
        cells += [_distortion(row.sel(rule=rule), beside=rule == DECIDES) for rule in shown]
        rows.append(Row(str(row["paper_name"].item()), tuple(cells)))
    columns = [_ERROR_HEADS[error] for error in ERRORS[number_]]
    return Grid(
        id=f"grid-{number_}",
        caption=f"Table {number_}: {table.attrs['title']}. Errors in % with Wilson's 95% interval; distortions of sets "
        f"of {table.attrs['split']} images, averaged over the n that are read correctly from the start, with the 95% "
        "interval of the mean.",
        corner="model",
        columns=(*columns, *(f"distortion, {rule} target" for rule in shown)),
        rows=tuple(rows),
        notes=_over_seeds(table),
    )


def distortion_grids(table: xr.Dataset) -> Iterator[Grid]:
    """Yield for each rule of Table 1 or 3 what else is known of the distortions.

    Only those of the rule that decides are held against the paper's, which are of a random target (slip "targets").
    """
    for rule in rules(table):
        rows, beside = [], rule == DECIDES
        for model in names(table, "model"):
            cell = table.sel(model=model, rule=rule)
            texts = (
                *((_percent(float(cell["distortion_difference"])),) * beside),
                number(float(cell["distortion_all"]), 4),
                number(float(cell["to_exact"]), 5),
                number(float(cell["lower_bound"]), 4),
                percent(cell["survives_eight_bits"]),
                percent(cell["success"]),
                count(int(cell["success_n"])),
            )
            rows.append(Row(str(cell["paper_name"].item()), tuple(Cell(ours=text) for text in texts)))
        goal = "misread" if rule == "nearest" else "read as the target"
        yield Grid(
            id=f"grid-{table.attrs['table']}-{rule}",
            caption=f"Table {table.attrs['table']}, more of the distortions, rule {rule}. To exact: mean ratio to the "
            "exact minimum, known for linear models. Lower bound: no smaller distortion can succeed, proved image by "
            f"image, on average. 8 bits: share of the successes still {goal} when rounded to 8 bits a value.",
            corner="model",
            columns=(
                *(("against the paper's",) * beside),
                "over all images",
                "to exact",
                "lower bound",
                "8 bits, %",
                "search succeeded, %",
                "images",
            ),
            rows=tuple(rows),
        )


def transfer_grid(table: xr.Dataset, rule: str, ledger: Ledger) -> Grid:
    """Return Table 2 or 4 under ``rule``: a row a set, a column a model it is shown to."""
    number_, whole = int(table.attrs["table"]), with_variants(table).sel(rule=rule)
    models = names(table, "target")
    published = {
        ("amplified" if each.kind == "amplified" else "plain", each.row, each.column): each
        for each in compared(table)
        if each.rule in (rule, NO_RULE)
    }
    rows, sizes = [], set()
    for variant, source in _lines(whole, models):
        line = whole.sel(variant=variant, source=source)
        sizes |= {int(value) for value in line["n"].values}
        cells = []
        for model in models:
            cell = line.sel(target=model)
            n = f"n = {count(int(cell['n']))}"
            theirs = published.get((variant, source, model)) or _diagonal(table, cell, rule)
            shown = ledger.cell(theirs, n=n) if theirs else _plain(cell, "rate", "", n)
            cells.append(replace(shown, spread=_spread(100 * float(cell["spread"]), 1)))
        size = line["distortion"] if variant == "plain" else line["distortion_all"]
        of_rule = variant == "plain" and source in models  # noise and what is amplified have the size that they have
        theirs_too = bool((line["paper_n"] > 0).any()) and (rule == DECIDES or not of_rule)
        paper = number(float(line["distortion_paper"]), 3) if theirs_too else ""
        cells.append(Cell(ours=number(float(size), 4), paper=paper))
        name = _VARIANTS[variant].format(str(line["source_name"].item()), float(table.attrs["amplified_to"]))
        rows.append(Row(name, tuple(cells)))
    rows.append(_clean(whole, models))
    if len(sizes) == 1:  # one number for all: said once, above
        rows = [Row(row.name, tuple(replace(cell, n="") for cell in row.cells)) for row in rows]
    columns = (*(str(table["target_name"].sel(target=model).item()) for model in models), "distortion")
    return Grid(
        id=f"grid-{number_}-{rule}",
        caption=f"Table {number_}, rule {rule}: {table.attrs['title']}. In % of all images of a set of "
        f"{table.attrs['split']} images, n = {_counts(sizes)}, with Wilson's 95% interval.",
        corner="set made for",
        columns=columns,
        rows=tuple(rows),
        notes=(*_failed(whole), *_over_seeds(table)),
        wide=len(columns) >= _WIDE,
    )


def sheet_grid(sheet: Sheet, identifier: str) -> Grid:
    """Return a sheet of text cells, which the paper has no counterpart of, for the page."""
    rows = tuple(
        Row(row[0].strip(), tuple(Cell(ours=text) for text in row[1:]), sub=row[0].startswith(" "))
        for row in sheet.rows
    )
    return Grid(id=identifier, caption=sheet.title, corner=sheet.columns[0], columns=sheet.columns[1:], rows=rows)


def _lines(whole: xr.Dataset, models: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the rows (variant, source): sets as made, then amplified model by model, then noise."""
    sources = names(whole, "source")
    made = [source for source in sources if source in models]
    yield from (("plain", source) for source in made)
    for source in made:
        yield from ((variant, source) for variant in names(whole, "variant") if variant != "plain")
    yield from (("plain", source) for source in sources if source not in models)


def _diagonal(table: xr.Dataset, cell: xr.Dataset, rule: str) -> Compared | None:
    """Return a cell of the diagonal that the paper has too: agreement does not count it, readers compare it."""
    if not int(cell["paper_n"]):
        return None
    amplified = str(cell["variant"].item()) == "amplified"
    floats = {name: float(cell[name]) for name in ("rate", "low", "high", "paper", "paper_low", "paper_high")}
    return Compared(
        table=int(table.attrs["table"]),
        kind=DIAGONAL[amplified],
        rule=rule,
        row=str(cell["source"].item()),
        column=str(cell["target"].item()),
        text=f"{cell['source_name'].item()}{' amplified' if amplified else ''} shown to {cell['target_name'].item()}",
        n=int(cell["n"]),
        paper_n=int(cell["paper_n"]),
        paper_printed=str(cell["paper_printed"].item()),
        **floats,
    )


def _plain(row: xr.Dataset, value: str, prefix: str, n: str) -> Cell:
    """Return a cell that the paper does not have."""
    share = float(row[value])
    decimals = 2 if share < 0.05 and prefix else 1
    low, high = (float(row[f"{prefix}{end}"]) for end in ("low", "high"))
    return Cell(ours=rate(share, decimals), interval=interval(low, high, decimals), n=n)


def _distortion(row: xr.Dataset, *, beside: bool) -> Cell:
    """Return an average distortion, and the paper's where it can stand beside it: under the rule that decides."""
    low, high, paper = (float(row[name]) for name in ("distortion_low", "distortion_high", "distortion_paper"))
    return Cell(
        ours=number(float(row["distortion"]), 4),
        interval="" if np.isnan(low) else f"[{number(low, 4)}, {number(high, 4)}]",
        spread=_spread(float(row["distortion_spread"]), 4),
        paper=number(paper, 3) if beside else "",
        n=f"n = {count(int(row['distortion_n']))}",
    )


def _counts(sizes: set[int]) -> str:
    return " to ".join(count(size) for size in sorted({min(sizes), max(sizes)}))


def _clean(whole: xr.Dataset, models: list[str]) -> Row:
    """Return the row of the images without a perturbation, of the largest set."""
    plain = whole.sel(variant="plain")
    largest = plain.isel(source=int(plain["n"].isel(target=0).values.argmax()))
    cells = []
    for model in models:
        cell = largest.sel(target=model)
        n = f"n = {count(int(cell['n']))}"
        low, high = float(cell["clean_low"]), float(cell["clean_high"])
        cells.append(Cell(ours=rate(float(cell["clean"]), 1), interval=interval(low, high, 1), n=n))
    return Row("no perturbation", (*cells, Cell()))


def _failed(whole: xr.Dataset) -> tuple[str, ...]:
    least = float(whole["success"].min())
    return () if least == 1 else (f"The search failed for up to {percent(1 - least)}% of a set's images.",)


def _over_seeds(table: xr.Dataset) -> tuple[str, ...]:
    seeds = int(table.attrs["seeds"])
    if seeds == 1:
        return ()
    return (
        f"Means over {seeds} seeds, with the standard deviation over them after ±. The images are the same for all "
        "seeds: n and the interval are those of one.",
    )


def _spread(value: float, decimals: int) -> str:
    return "" if np.isnan(value) else f"±{value:.{decimals}f}"


def _percent(difference: float) -> str:
    return "" if np.isnan(difference) else f"{signed(100 * difference, 1)}%"
