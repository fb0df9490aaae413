"""Random numbers that depend on what they are for, never on the order in which they are drawn.

Every random choice about an example comes from (seed, purpose, split, example id). So the target of example 17 is the
same for every model, in every shard size and on every worker.
"""

import hashlib

import numpy as np


def stream(seed: int, *purpose: str) -> int:
    """Return the 64-bit key of the stream for ``seed`` and ``purpose``, such as ``("target", "train")``."""
    text = "\x1f".join((str(int(seed)), *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def generator(seed: int, *purpose: str, index: int = 0) -> np.random.Generator:
    """Return a counter-based generator (Philox) keyed by the stream and an index, for instance an example's id."""
    if index < 0:
        raise ValueError(f"index {index} is negative; an example id is at least 0")
    return np.random.Generator(np.random.Philox(key=[stream(seed, *purpose), index]))
