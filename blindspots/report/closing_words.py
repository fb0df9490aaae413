"""What a finished run is told in a screen of 80 columns: the verdict, what the study is not, and where to look."""

import shlex
from collections.abc import Mapping
from textwrap import fill

import xarray as xr

from blindspots.paper.published import TRAIN
from blindspots.report.numbers import count
from blindspots.report.verdict import verdict_lines
from blindspots.study.built_in import MNIST, QUICK
from blindspots.study.study import Study
from blindspots.tables.registry import TABLES


def closing_words(study: Study, tables: Mapping[str, xr.Dataset], root: str, *, width: int = 80) -> str:
    """Return the words in lines of ``width`` at most, commands and titles of tables apart, which stay whole.

    ``tables``: the study's, by name, as drawn; ``root``: as the command line was given it.
    """
    paragraphs = verdict_paragraphs(study, tables)
    where = f"--root {shlex.quote(root)}"
    first, *others = tables
    also = f"also {', '.join(others)}" if others else ""
    commands = {
        f"blindspots report {where}": "all of it on one page, with figures",
        f"blindspots table {first} {where}": "; ".join(filter(None, [tables[first].attrs["title"], also])),
    }
    longest = max(map(len, commands))
    listed = "\n".join(_entry(command.ljust(longest), about, width) for command, about in commands.items())
    return "\n\n".join([*(fill(text, width) for text in paragraphs), f"Next:\n{listed}"])


def verdict_paragraphs(study: Study, tables: Mapping[str, xr.Dataset]) -> list[str]:
    """Return the verdict, and in what a smaller study is not the paper's; nothing where its models are none of theirs.

    ``tables``: as for :func:`closing_words`.
    """
    if not any(spec.paper for spec in study.models) or not any(TABLES[name].compared for name in tables):
        return []
    return list(filter(None, [*verdict_lines(tables), less_than_the_paper(study)]))


def _entry(command: str, about: str, width: int) -> str:
    """Return a command with what it is for beside it, or below where there is no room."""
    indent = " " * (len(command) + 4)
    if len(indent) > width // 2:
        return f"  {command.rstrip()}\n" + fill(about, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return fill(about, width, initial_indent=f"  {command}  ", subsequent_indent=indent)


def less_than_the_paper(study: Study) -> str:
    """Return in a sentence what a study does less than the paper's of section 4.2; empty where it does not."""
    if study.dataset != MNIST.dataset or study.training.images is None:
        return ""
    sets = "" if study.sets.examples is None else f", and distorts {count(study.sets.examples)} of them a set"
    more = "; blindspots run mnist is the study in full" if study.name == QUICK.name else ""
    return (
        f"This study trains on {count(study.training.images)} images and not to the end{sets}, where the paper takes "
        f"all {count(TRAIN)}: its errors and its transfer are those of models that know less{more}."
    )
