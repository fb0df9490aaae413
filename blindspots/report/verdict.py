"""The verdict of the page: in how many cells ours and the paper's overlap, in one line and by kind."""

from collections.abc import Mapping, Sequence

import xarray as xr

from blindspots.report.blocks import Block, Cell, Grid, Row, Section, Text
from blindspots.report.numbers import count
from blindspots.study.study import Study
from blindspots.tables.agreement import DECIDES, KINDS, LEAST, Agreement, agreement
from blindspots.tables.registry import TABLES
from blindspots.tables.repetition.sheet import verdict as by_repetition

_KINDS = {
    "errors": "errors of the models, Tables 1 and 3",
    "adversarial": "adversarial sets shown to other models, Tables 2 and 4",
    "amplified": "amplified sets shown to other models, Table 4",
    "noise": "Gaussian noise, Tables 2 and 4",
}


def verdict_lines(tables: Mapping[str, xr.Dataset]) -> list[str]:
    """Return the verdict on one training, and that by repetition where the study has trainings enough.

    ``tables``: by name, as drawn; those that have no part in a verdict are left alone.
    """
    lines = [verdict_line([table for name, table in tables.items() if TABLES[name].compared])]
    if "repetition" in tables:
        lines.append(by_repetition(tables["repetition"]))
    return lines


def verdict_line(tables: Sequence[xr.Dataset]) -> str:
    """Return the verdict under the rule that decides, in one line."""
    found = agreement(tables)
    if not found.cells:
        small = len(found.too_small)
        if small:
            return f"No verdict: the {small} cells that the paper has too are of fewer than {count(LEAST)} images."
        return "Nothing here can be held against the paper: it has no such models, rule or data."
    kinds = ", ".join(f"{kind} {some} of {n}" for kind, (some, n) in found.by_kind.items())
    where = _which({cell.table for cell in found.cells})
    return (
        f"{found.overlapping} of {found.total} cells of {where} overlap with the paper's under the rule {DECIDES}: "
        f"{kinds}."
    )


def _which(tables: set[int]) -> str:
    """Return ``Table 1``, ``Tables 1 and 3`` or ``Tables 1 to 4``."""
    *others, last = sorted(tables)
    if not others:
        return f"Table {last}"
    if len(others) > 1 and last - others[0] == len(others):
        return f"Tables {others[0]} to {last}"
    return f"Tables {', '.join(map(str, others))} and {last}"


def verdict_section(tables: Sequence[xr.Dataset], study: Study) -> Section:
    """Return the section with the verdict by kind and rule, and how it is come by; a line where there is none."""
    rules = sorted(study.sets.rules, key=lambda rule: rule != DECIDES)
    found = {rule: agreement(tables, rule=rule) for rule in rules}
    if not any(each.cells or each.too_small for each in found.values()):
        return Section("verdict", "Verdict", (Text(verdict_line(tables)),))
    blocks: list[Block] = [
        Text(
            "A cell overlaps where our 95% interval and the paper's have a point in common. The paper's rates come "
            "from 256 images, so that their intervals are wide: 5.9% means 3.6 to 9.6%. The rule random decides, since "
            "the paper's targets are random; a set shown to the model that it was made for is not counted."
        )
    ]
    small = max((len(each.too_small) for each in found.values()), default=0)
    if small:
        blocks.append(Text(f"{small} cells of fewer than {count(LEAST)} images are too small to count."))
    if any(each.cells for each in found.values()):
        blocks.append(_grid(found))
    if study.training.images is not None:
        blocks.append(
            Text(
                f"This study trains on {count(study.training.images)} images of a split, where the paper takes all: "
                "errors and transfer are those of models that know less, and need not meet the paper's."
            )
        )
    return Section("verdict", "Verdict", tuple(blocks))


def _grid(found: Mapping[str, Agreement]) -> Grid:
    rows = []
    for kind in KINDS:
        cells = [each.by_kind.get(kind) for each in found.values()]
        if any(cells):
            rows.append(Row(_KINDS[kind], tuple(Cell(ours=_share(cell)) for cell in cells)))
    rows.append(Row("all", tuple(Cell(ours=_share((each.overlapping, each.total))) for each in found.values())))
    heads = tuple(f"rule {rule}" + (" (decides)" if rule == DECIDES else "") for rule in found)
    caption = "Cells whose interval overlaps with the paper's, of those that the paper has too."
    return Grid(id="grid-verdict", caption=caption, corner="cells", columns=heads, rows=tuple(rows))


def _share(cell: tuple[int, int] | None) -> str:
    return "" if cell is None else f"{cell[0]} of {cell[1]}"
