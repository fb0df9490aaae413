"""A pool: slots, each with an example and what perturbs it at one layer."""

from dataclasses import dataclass

import numpy as np
import torch

from blindspots.training.hardening.perturbing import Perturbed
from blindspots.training.hardening.schedule import Group

EMPTY = -1
"""The round of a slot that nothing is in."""


@dataclass
class Pool:
    """The slots of one layer's pool."""

    values: torch.Tensor
    """(size, units) float32: what is added to an activation, or the perturbed activation."""
    example: torch.Tensor
    """(size,) int64: place of the image among the training images."""
    round: torch.Tensor
    """(size,) int64: the round whose weights came after those that it was made for; :data:`EMPTY` where nothing is."""
    distance: torch.Tensor
    """(size,) float32: as :class:`.Perturbed` has it."""
    success: torch.Tensor
    """(size,) bool: as :class:`.Perturbed` has it; where not, the slot is not shown."""
    target: torch.Tensor
    """(size,) int64: as :class:`.Perturbed` has it."""

    @classmethod
    def empty(cls, size: int, units: int, like: torch.Tensor) -> "Pool":
        """Return a pool of ``size`` slots with nothing in them, on the device and of the dtype of ``like``."""
        whole = torch.zeros(size, dtype=torch.int64, device=like.device)
        return cls(
            values=like.new_zeros(size, units),
            example=whole.clone(),
            round=whole - 1,
            distance=like.new_zeros(size),
            success=whole.bool(),
            target=whole.clone(),
        )

    def replace(self, group: Group, made: Perturbed, number: int) -> None:
        """Put what was ``made`` for round ``number`` into the slots of its ``group``."""
        slots = torch.from_numpy(group.slots).to(self.example.device)
        self.values[slots] = made.values.to(self.values)
        self.example[slots] = torch.from_numpy(group.examples).to(self.example.device)
        self.round[slots] = number
        self.distance[slots] = made.distance.to(self.distance)
        self.success[slots] = made.success.to(self.success.device)
        self.target[slots] = made.target.to(self.target.device)

    @property
    def shown(self) -> torch.Tensor:
        """The slots that can be shown (m,): those in which something is that was found."""
        return (self.success & (self.round != EMPTY)).nonzero()[:, 0]

    def age(self, number: int) -> float:
        """Return the mean age of what can be shown, in rounds, in round ``number``; NaN where there is nothing."""
        rounds = self.round[self.shown]
        return float((number - rounds).double().mean()) if len(rounds) else float("nan")

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return all arrays by name."""
        return dict(vars(self))

    def arrays(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Return all arrays as they are stored for good: ``example`` is an id in the data set, of ``ids``."""
        found = {name: tensor.cpu().numpy() for name, tensor in self.tensors().items()}
        return {**found, "example": ids[found["example"]].astype(np.int64)}
