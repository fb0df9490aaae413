"""How much work each image took."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Effort:
    """Counters of n images, int64: iterations of the search, forward and backward passes of the model."""

    iterations: torch.Tensor
    forwards: torch.Tensor
    backwards: torch.Tensor

    @classmethod
    def none(cls, count: int, device: torch.device) -> "Effort":
        """Return counters at zero."""
        return cls(*(torch.zeros(count, dtype=torch.int64, device=device) for _ in range(3)))

    def add(self, rows: torch.Tensor, *, iterations: int = 0, forwards: int = 0, backwards: int = 0) -> None:
        """Count work on the images ``rows`` (indices; one that stands twice counts twice)."""
        for counter, amount in (
            (self.iterations, iterations),
            (self.forwards, forwards),
            (self.backwards, backwards),
        ):
            if amount:
                counter.index_add_(0, rows, torch.full_like(rows, amount))

    def include(self, rows: torch.Tensor, own: "Effort") -> None:
        """Add the counters of the images ``rows`` (indices, each once)."""
        for counter, amount in zip(vars(self).values(), vars(own).values(), strict=True):
            counter[rows] += amount
