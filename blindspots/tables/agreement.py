"""Agreement with the paper: in how many cells of Tables 1 to 4 our interval and the paper's overlap.

Counted are the errors of Tables 1 and 3, the error rates off the diagonals of Tables 2 and 4 (in Table 4 as made and
amplified, not clipped) and those on noise as drawn; a diagonal is 100% by construction. Ours is the sampling interval
alone; the paper's has its rounding in it. The rule random decides, as the paper's targets are random (slip "targets");
other rules stand beside it. Errors and noise have no target and are the same under every rule. Cells of fewer than
:data:`LEAST` images are too small to count: their intervals overlap with nearly anything.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import xarray as xr

from blindspots.intervals import overlap, standard_errors
from blindspots.names import NO_RULE
from blindspots.tables.model_tables import ERRORS

DECIDES = "random"
"""The rule that decides."""
LEAST = 1000
"""Images that a cell of ours has to have."""
KINDS = ("errors", "adversarial", "amplified", "noise")
"""What is counted apart: errors, sets as made and amplified, noise."""


@dataclass(frozen=True)
class Compared:
    """One cell of ours beside the paper's; rates and intervals as shares of 1."""

    table: int
    kind: str
    rule: str
    """The rule of the set; none for errors and noise."""
    row: str
    """The model, for errors, or the source of the set, by its name in the store."""
    column: str
    """The split, for errors, or the model that the set is shown to."""
    text: str
    """What a reader calls the cell."""
    rate: float
    low: float
    high: float
    n: int
    paper: float
    paper_printed: str
    paper_low: float
    paper_high: float
    paper_n: int

    @property
    def counts(self) -> bool:
        """Whether ours has images enough for a verdict."""
        return self.n >= LEAST

    @property
    def overlaps(self) -> bool:
        """Whether the intervals have a point in common."""
        return overlap((self.low, self.high), (self.paper_low, self.paper_high)) == 1

    @property
    def difference(self) -> float:
        """Ours less the paper's as printed."""
        return self.rate - self.paper

    @property
    def standard_errors(self) -> float:
        """That difference in pooled standard errors."""
        return standard_errors(self.rate, self.n, self.paper, self.paper_n)

    def record(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            **asdict(self),
            "overlaps": self.overlaps,
            "difference": self.difference,
            "standard_errors": self.standard_errors,
        }


@dataclass(frozen=True)
class Agreement:
    """The cells of some tables under one rule, and how many of them agree."""

    rule: str
    cells: tuple[Compared, ...]
    """Those that have images enough."""
    too_small: tuple[Compared, ...]
    """Those that have not."""

    @property
    def total(self) -> int:
        """How many cells count."""
        return len(self.cells)

    @property
    def overlapping(self) -> int:
        """In how many of them the intervals overlap."""
        return self.total - len(self.disagreeing)

    @property
    def disagreeing(self) -> tuple[Compared, ...]:
        """The cells whose intervals do not overlap."""
        return tuple(cell for cell in self.cells if not cell.overlaps)

    @property
    def by_kind(self) -> dict[str, tuple[int, int]]:
        """How many cells overlap, and of how many, for each of the :data:`KINDS` that there is."""
        found = {kind: [cell.overlaps for cell in self.cells if cell.kind == kind] for kind in KINDS}
        return {kind: (sum(flags), len(flags)) for kind, flags in found.items() if flags}

    def record(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "rule": self.rule,
            "decides": self.rule == DECIDES,
            "total": self.total,
            "overlapping": self.overlapping,
            "by_kind": {kind: {"overlapping": some, "total": n} for kind, (some, n) in self.by_kind.items()},
            "too_small": len(self.too_small),
            "disagreeing": [cell.record() for cell in self.disagreeing],
        }


def agreement(tables: Iterable[xr.Dataset], *, rule: str = DECIDES) -> Agreement:
    """Return the agreement of ``tables``, of the paper's, with the paper, under ``rule``."""
    found = [cell for table in tables for cell in compared(table) if cell.rule in (rule, NO_RULE)]
    found.sort(key=lambda cell: (cell.table, KINDS.index(cell.kind)))
    return Agreement(
        rule=rule,
        cells=tuple(cell for cell in found if cell.counts),
        too_small=tuple(cell for cell in found if not cell.counts),
    )


def compared(table: xr.Dataset) -> Iterator[Compared]:
    """Yield the cells of Table 1, 2, 3 or 4, under all its rules, that the paper has too."""
    return _errors(table) if table.attrs["table"] in ERRORS else _rates(table)


def _errors(table: xr.Dataset) -> Iterator[Compared]:
    number = int(table.attrs["table"])
    for model in table["model"].values:
        row = table.sel(model=model)
        for name, split in ERRORS[number].items():
            if int(row[f"{name}_paper_n"]):
                yield Compared(
                    table=number,
                    kind="errors",
                    rule=NO_RULE,
                    row=str(model),
                    column=split,
                    text=f"{row['paper_name'].item()}, {split} images",
                    **_numbers(row, rate=name, prefix=f"{name}_"),
                )


def _rates(table: xr.Dataset) -> Iterator[Compared]:
    table = with_variants(table)
    models = [str(name) for name in table["target"].values]
    for i, rule in enumerate(table["rule"].values):
        for variant in table["variant"].values:
            block = table.sel(rule=rule, variant=variant)
            for j, source in enumerate(table["source"].values):
                noise = source not in models
                if noise and i > 0:  # the same under every rule
                    continue
                for k, target in enumerate(models):
                    cell = block.isel(source=j, target=k)
                    if source == target or not int(cell["paper_n"]):
                        continue
                    amplified = variant != "plain"
                    shown = f"{cell['source_name'].item()}{' amplified' if amplified else ''}"
                    yield Compared(
                        table=int(table.attrs["table"]),
                        kind="noise" if noise else "amplified" if amplified else "adversarial",
                        rule=NO_RULE if noise else str(rule),
                        row=str(source),
                        column=target,
                        text=f"{shown} shown to {cell['target_name'].item()}",
                        **_numbers(cell, rate="rate", prefix=""),
                    )


def _numbers(cell: xr.Dataset, *, rate: str, prefix: str) -> dict[str, Any]:
    floats = {name: float(cell[f"{prefix}{name}"]) for name in ("low", "high", "paper", "paper_low", "paper_high")}
    counts = {name: int(cell[f"{prefix}{name}"]) for name in ("n", "paper_n")}
    return {"rate": float(cell[rate]), **floats, **counts, "paper_printed": str(cell[f"{prefix}paper_printed"].item())}


def with_variants(table: xr.Dataset) -> xr.Dataset:
    """Return Table 2 or 4 with the dimension variant, which Table 2 lacks: its sets are shown as made."""
    return table if "variant" in table.dims else table.expand_dims(variant=["plain"])
