"""A table laid out for reading: text cells in rows and columns, with what stands above and below."""

from collections.abc import Iterable
from dataclasses import dataclass

from blindspots.errors import InputError

FORMATS = ("text", "markdown", "csv", "latex", "json")
"""What a table is had as."""


@dataclass(frozen=True)
class Sheet:
    """One block of a table."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def check_format(form: str, known: Iterable[str] = FORMATS) -> None:
    """Raise :class:`InputError` for a format that there is not."""
    if form not in known:
        raise InputError(f"no format is called {form!r}; there are {', '.join(FORMATS)}")
