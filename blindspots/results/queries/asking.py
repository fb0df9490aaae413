"""Asking a study's store a question by its name."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import xarray as xr

from blindspots.errors import InputError
from blindspots.results.queries.choice import Choice
from blindspots.results.queries.registry import QUESTIONS
from blindspots.results.results import Results

Value = TypeVar("Value", str, float)


def ask(
    results: Results,
    question: str,
    *,
    models: str | Sequence[str] | None = None,
    readers: str | Sequence[str] | None = None,
    split: str | None = None,
    rule: str | None = None,
    seed: int | None = None,
    classes: str | int | Sequence[str | int] | None = None,
    variant: str | None = None,
    least: int | None = None,
    limit: int | None = None,
    quantiles: float | Sequence[float] | None = None,
    at: float | Sequence[float] | None = None,
) -> xr.Dataset:
    """Return the answer to ``question``, one of :data:`QUESTIONS`, as a dataset with an interval beside every share.

    What the rest means, and what is chosen where it is None, tells
    :class:`~blindspots.results.queries.choice.Choice`. Columns are read in blocks, and perturbations not at all, so
    that sets may be larger than memory. Raises :class:`InputError` for a question, model, set or class that is not
    there, for what the question does not take, and where the store lacks or cannot give what is asked for.
    """
    entry = QUESTIONS.find(question)
    given: dict[str, Any] = {
        "models": _several(models),
        "readers": _several(readers),
        "split": split,
        "rule": rule,
        "seed": seed,
        "classes": None if classes is None else _texts(classes),
        "variant": variant,
        "least": least,
        "limit": limit,
        "quantiles": _several(quantiles),
        "at": _several(at),
    }
    asked = {name: value for name, value in given.items() if value is not None}
    for name in asked:
        if name not in entry.takes:
            raise InputError(f"the question {entry.name} takes no {name}; it takes {', '.join(entry.takes)}")
    assert set(given) == {field.name for field in fields(Choice)}
    return entry.answer(results, Choice(**asked))


def _several(value: Value | Sequence[Value] | None) -> tuple[Value, ...] | None:
    """Return one value or several as a tuple; None for none."""
    if value is None:
        return None
    return (value,) if isinstance(value, str | float | int) else tuple(value)


def _texts(value: str | int | Sequence[str | int]) -> tuple[str, ...]:
    return (str(value),) if isinstance(value, str | int) else tuple(map(str, value))
