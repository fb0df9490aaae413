"""Which slots a round replaces and by which examples: seed, layer and round alone decide it.

So neither the number of workers, nor the order in which their work arrives, nor what was killed can change it.
"""

from dataclasses import dataclass

import numpy as np

from blindspots.randomness import generator


@dataclass(frozen=True)
class Group:
    """What a round replaces in one pool."""

    slots: np.ndarray
    """(m,) places in the pool, each once."""
    examples: np.ndarray
    """(m,) places among the training images, each once as far as there are so many."""
    turns: np.ndarray
    """(m,) how far a random target lies behind the label, from 1 to classes - 1."""


def group_of(seed: int, layer: int, number: int, *, size: int, replaced: int, images: int, classes: int) -> Group:
    """Return what round ``number`` replaces in the pool of ``layer``, which has ``size`` slots."""
    draw = generator(seed, "pool", f"{layer}", index=number)
    slots = draw.choice(size, replaced, replace=False)
    examples = draw.choice(images, replaced, replace=replaced > images)
    return Group(slots, examples, draw.integers(1, max(2, classes), replaced))


def drawn(seed: int, layer: int, step: int, *, filled: int, count: int) -> np.ndarray:
    """Return which of the ``filled`` slots are shown in a minibatch: ``count`` of them, with replacement."""
    return generator(seed, "shown", f"{layer}", index=step).integers(0, filled, count)


@dataclass(frozen=True)
class Rounds:
    """A training's minibatches in rounds of equal length; the last of an epoch may be shorter."""

    batches: int
    """Minibatches in an epoch."""
    an_epoch: int
    """Rounds in an epoch that were asked for: as many as there are minibatches at most."""
    epochs: int

    @property
    def length(self) -> int:
        """Minibatches in a round."""
        return -(-self.batches // self.an_epoch)

    @property
    def in_an_epoch(self) -> int:
        """Rounds that an epoch really has."""
        return -(-self.batches // self.length)

    @property
    def total(self) -> int:
        """Rounds of the training."""
        return self.in_an_epoch * self.epochs

    def begun_by(self, step: int) -> int | None:
        """Return the number of the round that begins with the minibatch ``step``, or None where none does."""
        epoch, inside = divmod(step, self.batches)
        return None if inside % self.length else epoch * self.in_an_epoch + inside // self.length

    def of(self, step: int) -> int:
        """Return the number of the round that the minibatch ``step`` lies in."""
        epoch, inside = divmod(step, self.batches)
        return epoch * self.in_an_epoch + inside // self.length
