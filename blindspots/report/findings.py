"""Where ours and the paper's disagree: numbered through the page, each with what is known of the reason."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from blindspots.paper.explanations import explanation
from blindspots.report.blocks import Cell, Finding, Findings
from blindspots.report.numbers import count, decimals_of, interval, points, rate, signed
from blindspots.tables.agreement import Compared

DIAGONAL = {False: "diagonal", True: "amplified-diagonal"}
"""The kinds of cells that are no test of agreement, by whether they are amplified: a set shown to its own model."""


@dataclass
class Ledger:
    """The disagreements of a page, numbered as its tables are drawn."""

    known: Mapping[str, str]
    """Patterns of keys with explanations; see :mod:`blindspots.paper.explanations`."""
    found: list[Finding] = field(default_factory=list)
    compared: int = 0
    """Cells that were held against the paper's."""

    def cell(self, compared: Compared, *, n: str) -> Cell:
        """Return a table's cell that shows ``compared``, and take note of it where the intervals do not overlap."""
        self.compared += 1
        decimals = decimals_of(compared)
        ours, theirs = rate(compared.rate, decimals), (compared.paper_low, compared.paper_high)
        shown = Cell(
            ours=ours,
            interval=interval(compared.low, compared.high, decimals),
            paper=compared.paper_printed,
            paper_interval=interval(*theirs, decimals),
            n=n,
            title=f"{compared.text}: {points(compared)}",
        )
        if compared.overlaps:
            return shown
        sign = "higher" if compared.difference > 0 else "lower"
        same = next((each.number for each in self.found if each.key == key(compared)), None)
        if same is not None:  # noise is the same under every rule
            return replace(shown, sign=sign, finding=same)
        number = len(self.found) + 1
        self.found.append(
            Finding(
                number=number,
                key=key(compared),
                place=compared.text,
                ours=f"{ours} {shown.interval}",
                n=count(compared.n),
                paper=f"{compared.paper_printed} {shown.paper_interval}",
                paper_n=count(compared.paper_n),
                difference=signed(100 * compared.difference, decimals),
                standard_errors=signed(compared.standard_errors, 1),
                explanation=explanation(key(compared), self.known),
                aside=_aside(compared),
                sign=sign,
            )
        )
        return replace(shown, sign=sign, finding=number)

    @property
    def mark(self) -> tuple[int, int]:
        """How much was compared and found so far, for :meth:`since`."""
        return self.compared, len(self.found)

    def since(self, mark: tuple[int, int], title: str, identifier: str) -> Iterator[Findings]:
        """Yield what was found after a mark, an explanation that all share said once; none where none was compared."""
        compared, first = mark
        if self.compared == compared:
            return
        items = tuple(self.found[first:])
        said = {item.explanation for item in items}
        common = said.pop() if len(said) == 1 and len(items) > 1 else ""
        yield Findings(
            identifier, title, tuple(replace(item, explanation="") for item in items) if common else items, common
        )


def key(compared: Compared) -> str:
    """Return what a cell is called in :mod:`blindspots.paper.explanations`."""
    return f"table{compared.table}/{compared.kind}/{compared.rule}/{compared.row}/{compared.column}"


def _aside(compared: Compared) -> str:
    if compared.kind in DIAGONAL.values():
        return "Not counted: the set was made for this model."
    return "" if compared.counts else f"Not counted: {compared.n} images are too few."
