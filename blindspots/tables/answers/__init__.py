"""Answers of :func:`blindspots.results.ask` for people and for other programs: as text, and as files."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.tables.answers.files import SUFFIXES, answer_file, check_suffix
    from blindspots.tables.answers.rendering import render_answer
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "SUFFIXES": "blindspots.tables.answers.files",
            "answer_file": "blindspots.tables.answers.files",
            "check_suffix": "blindspots.tables.answers.files",
            "render_answer": "blindspots.tables.answers.rendering",
        },
    )

__all__ = ["SUFFIXES", "answer_file", "check_suffix", "render_answer"]
