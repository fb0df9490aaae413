"""What the page is made of, as plain values: the template draws them, and nothing else knows HTML."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Missing:
    """A paragraph that says what is not there, and why."""

    text: str
    kind: str = "missing"
    unasked: bool = False
    """Whether the study asks for nothing of the kind; where it does, the store is not finished, or a file is gone."""


@dataclass(frozen=True)
class Picture:
    """A figure: an image inside the page, what it shows for who cannot see it, and its caption."""

    uri: str
    """``data:image/...;base64,...``"""
    alt: str
    caption: str
    width: int
    """Pixels of the page at which it is shown at most."""
    kind: str = "picture"


@dataclass(frozen=True)
class Cell:
    """A cell of a table: our value above the paper's, with a sign where their intervals do not overlap."""

    ours: str = ""
    interval: str = ""
    spread: str = ""
    """Standard deviation over seeds."""
    paper: str = ""
    paper_interval: str = ""
    n: str = ""
    title: str = ""
    """What is said on hovering."""
    sign: str = ""
    """``higher`` or ``lower`` where ours disagrees, else empty."""
    finding: int = 0
    """Number of the disagreement in the page's lists; 0 for none."""


@dataclass(frozen=True)
class Row:
    """A row of a table."""

    name: str
    cells: tuple[Cell, ...]
    sub: bool = False
    """Whether it says more of the row above."""


@dataclass(frozen=True)
class Grid:
    """A table."""

    id: str
    caption: str
    corner: str
    """Head of the column of names."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    wide: bool = False
    """Too wide for a sheet that stands upright."""
    of_words: bool = False
    """Words rather than numbers."""
    kind: str = "grid"


@dataclass(frozen=True)
class Finding:
    """One cell in which ours and the paper's disagree."""

    number: int
    key: str
    """What :mod:`blindspots.paper.explanations` calls it."""
    place: str
    """Which cell, in words."""
    ours: str
    """In percent, with its interval; so the paper's."""
    n: str
    paper: str
    paper_n: str
    difference: str
    """In points."""
    standard_errors: str
    """Pooled, of the difference."""
    explanation: str
    """Empty where none is known."""
    aside: str
    """Why it does not count, where it does not."""
    sign: str
    """``higher`` or ``lower``."""


@dataclass(frozen=True)
class Findings:
    """The cells of a table in which ours and the paper's disagree."""

    id: str
    title: str
    items: tuple[Finding, ...]
    common: str = ""
    """The explanation of all of them, where they share one; then the items have none."""
    kind: str = "findings"


@dataclass(frozen=True)
class Entry:
    """A term and what is said of it, in paragraphs."""

    term: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Entries:
    """A list of terms; numbered where the order is one that is referred to."""

    items: tuple[Entry, ...]
    numbered: bool = False
    kind: str = "entries"


Block = Text | Missing | Picture | Grid | Findings | Entries


@dataclass(frozen=True)
class Fact:
    """Something about the study, at the head of the page."""

    name: str
    value: str


@dataclass(frozen=True)
class Section:
    """A section with a place in the table of contents."""

    id: str
    title: str
    blocks: tuple[Block, ...]

    @property
    def wide(self) -> bool:
        """Whether it is better printed across the sheet."""
        return any(isinstance(block, Grid) and block.wide for block in self.blocks)
