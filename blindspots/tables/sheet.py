"""A table laid out for reading: text cells in rows and columns, with what stands above and below."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sheet:
    """One block of a table."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
