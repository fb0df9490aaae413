"""Random numbers that depend on what they are for, never on the order in which they are drawn.

Every random choice about an example comes from (seed, purpose, split, example id). So the target of example 17 is the
same for every model, in every shard size and on every worker.
"""

import hashlib

import numpy as np

from blindspots.errors import InputError


def stream(seed: int, *purpose: str) -> int:
    """Return the 64-bit key of the stream for ``seed`` and ``purpose``, such as ``("target", "train")``.

    Raises :class:`InputError` for a seed that is no integer from 0, and for a purpose, as a split is, that is no text.
    """
    check_seed(seed)
    wrong = next((each for each in purpose if not isinstance(each, str)), "")
    if wrong != "":
        raise InputError(f"{wrong!r} is no name of what random numbers are drawn for; give a text, such as 'train'")
    text = "\x1f".join((str(int(seed)), *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def check_seed(seed: object) -> None:
    """Refuse a seed that is no integer from 0: 1.5 and 1 would draw the same."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"the seed is {seed!r}; give an integer from 0")


def generator(seed: int, *purpose: str, index: int = 0) -> np.random.Generator:
    """Return a counter-based generator (Philox) keyed by the stream and an index, for instance an example's id."""
    if index < 0:
        raise ValueError(f"index {index} is negative; an example id is at least 0")
    return np.random.Generator(np.random.Philox(key=[stream(seed, *purpose), index]))
