"""What people ask of a study: each question by its name, answered out of the store without a forward pass."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.results.queries.asking import ask
    from blindspots.results.queries.registry import QUESTIONS, Question
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "QUESTIONS": "blindspots.results.queries.registry",
            "Question": "blindspots.results.queries.registry",
            "ask": "blindspots.results.queries.asking",
        },
    )

__all__ = ["QUESTIONS", "Question", "ask"]
