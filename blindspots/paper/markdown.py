"""The slips as a list in Markdown, in a page between two marks: ``python -m blindspots.paper.markdown README.md``."""

import sys
from pathlib import Path

from blindspots.errors import InputError
from blindspots.paper.slips import SLIPS, Slip

BEGIN = "<!-- slips: made by python -m blindspots.paper.markdown README.md -->"
END = "<!-- end of the slips -->"


def slip_item(slip: Slip) -> str:
    """Return a slip as one item of a list, on one line: its name in bold, what the paper has, what is done here."""
    return f"- **{slip.name}**: {slip.title}. {slip.paper} *Here:* {slip.here}".replace("<", "\\<")


def slip_list() -> str:
    """Return the list of all slips, which begins and ends with the marks."""
    return "\n".join((BEGIN, *map(slip_item, SLIPS), END))


def with_slips(page: str) -> str:
    """Return ``page`` with the list in place of what is between the marks.

    Raises :class:`InputError` where the page lacks one of the marks, or has one twice.
    """
    for mark in (BEGIN, END):
        if page.count(mark) != 1:
            raise InputError(f"the page has {page.count(mark)} times {mark!r}; the list goes between one pair of marks")
    before, _, rest = page.partition(BEGIN)
    return before + slip_list() + rest.partition(END)[2]


def main(path: str) -> None:
    """Write the list into the page at ``path``."""
    page = Path(path)
    page.write_text(with_slips(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
