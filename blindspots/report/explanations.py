"""Why a cell disagrees with the paper's, where that is known: measured, not guessed.

A cell's key is ``table<number>/<rule>/<row>/<column>``, in the names of the store, such as
``table2/random/fc10-1/fc10-1e-2`` or ``table1/none/fc10-1/test_error``. A pattern may have ``*`` for any part.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

EXPLANATIONS: Mapping[str, str] = {
    "table2/nearest/*/*": "The paper's sets have a target drawn at random: under the rule nearest the distortions are "
    "about half as large, and the rates are not expected to agree.",
    "table4/nearest/*/*": "The paper's sets have a target drawn at random: under the rule nearest the distortions are "
    "about half as large, and the rates are not expected to agree.",
}
"""Patterns of keys with what is known, the most particular first."""


def explanation(key: str, known: Mapping[str, str] = EXPLANATIONS) -> str:
    """Return what is known of the cell ``key``: of the first pattern that it fits; empty where nothing is."""
    return next((text for pattern, text in known.items() if fnmatchcase(key, pattern)), "")
