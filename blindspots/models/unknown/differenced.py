"""A model whose gradients are taken by differences: for one that has none, or whose own are not its function's."""

import torch

from blindspots.device import rows_at_once
from blindspots.models.classifier import Classifier, Tape

_MOST = 1024
"""Values of an image that are moved one by one; of larger images, so many directions at random are half as many."""
_STEPS = (1e-3, 1 / 64)
"""How far: a step for smooth functions, and one that passes several levels of an input in 8 bits."""
_TRIED = 4
"""Rows at which both are tried."""
_ALIKE = 0.3
"""Both tell the same where they are no farther apart than this share."""
_ARRAYS = 4


class Differenced(Classifier):
    """A classifier that asks for logits alone, at ``2 m`` points for a gradient.

    Central differences inside the box; images of more than 1024 values are moved along 512 orthonormal directions that
    are drawn once, and the gradient is its projection on those.
    """

    def __init__(self, model: torch.nn.Module, shape: torch.Size) -> None:
        """Wrap ``model``, whose images have the shape ``shape``."""
        super().__init__(model, shape)
        self._basis: torch.Tensor | None = None
        self._step: float | None = None

    def evaluate(self, rows: torch.Tensor) -> tuple[torch.Tensor, Tape]:
        """Return the logits (n, k) of ``rows`` (n, m), and their Jacobian."""
        logits = self.logits(rows)
        if self._step is None:
            self._step = self._chosen(rows, logits.shape[1])
        slopes = torch.stack([self._slopes(row, logits.shape[1], self._step) for row in rows])
        return logits, (rows.detach(), slopes)

    def gradient(self, tape: Tape, weights: torch.Tensor, *, keep: bool = False) -> torch.Tensor:
        """Return the gradients (n, m) of each row's logits, weighted by ``weights`` (n, k) and summed."""
        return (tape[1] @ weights[:, :, None])[:, :, 0]

    def _chosen(self, rows: torch.Tensor, classes: int) -> float:
        """Return the short step where the longer one tells the same of some rows, else the longer."""
        short, long = (torch.stack([self._slopes(row, classes, step) for row in rows[:_TRIED]]) for step in _STEPS)
        return _STEPS[0] if (short - long).norm() <= _ALIKE * long.norm() else _STEPS[1]

    def _slopes(self, row: torch.Tensor, classes: int, step: float) -> torch.Tensor:
        """Return the derivatives (m, k) of the logits at a row (m,)."""
        basis = self._directions(row)
        slopes = row.new_zeros(len(basis), classes)
        for part in torch.arange(len(basis), device=row.device).split(rows_at_once(len(row), arrays=_ARRAYS)):
            ahead, behind = (row + step * basis[part]).clamp(0, 1), (row - step * basis[part]).clamp(0, 1)
            length = ((ahead - behind) * basis[part]).sum(dim=1, keepdim=True)
            slopes[part] = (self.logits(ahead) - self.logits(behind)) / length.clamp_min(step / 16)
        return basis.T @ slopes if len(basis) < len(row) else slopes

    def _directions(self, row: torch.Tensor) -> torch.Tensor:
        """Return orthonormal directions (d, m): the values themselves, or some at random."""
        if self._basis is None:
            if len(row) <= _MOST:
                self._basis = torch.eye(len(row), dtype=row.dtype, device=row.device)
            else:
                random = torch.Generator().manual_seed(0)
                drawn = torch.randn(len(row), _MOST // 2, generator=random, device="cpu", dtype=torch.float32)
                self._basis = torch.linalg.qr(drawn).Q.T.to(row).contiguous()
        return self._basis
