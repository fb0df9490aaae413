"""Why a cell disagrees with the paper's, where that is known: measured, not guessed.

A cell's key is ``table<number>/<kind>/<rule>/<row>/<column>``, in the names of the store and the kinds of
:mod:`blindspots.tables.agreement`, such as ``table2/adversarial/random/fc10-1/fc10-1e-2``,
``table4/amplified/random/fc100-100-10-p1/fc100-100-10-p2``, ``table2/noise/none/noise-0.3/fc10-1e-4`` or
``table1/errors/none/fc10-1/test``. A pattern has ``*`` for any part.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

_NEAREST = (
    "The paper's targets are drawn at random. Under the rule nearest the distortions are about half as large, and the "
    "rates are not expected to agree."
)

EXPLANATIONS: Mapping[str, str] = {
    "table*/*/nearest/*/*": _NEAREST,
}
"""Patterns of keys with what is known, the most particular first."""


def explanation(key: str, known: Mapping[str, str] = EXPLANATIONS) -> str:
    """Return what is known of the cell ``key``: of the first pattern that it fits; empty where nothing is."""
    return next((text for pattern, text in known.items() if fnmatchcase(key, pattern)), "")
