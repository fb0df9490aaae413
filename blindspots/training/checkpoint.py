"""What is kept of a training under way: the weights, and the curve so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from blindspots.store.arrays import CorruptShardError
from blindspots.store.weights import load_weights, read_metadata, save_weights

CURVE_DTYPES = {
    "iteration": np.int64,
    "loss": np.float64,
    "error": np.float64,
    "gradient_norm": np.float64,
    "evaluations": np.int64,
}
"""The columns of a training's curve: one row before any iteration, then one an iteration."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands, or has ended. Nothing else crosses from one segment of a training to the next."""

    weights: dict[str, torch.Tensor]
    """The network's state."""
    curve: dict[str, np.ndarray]
    """Iteration, loss with decay, share of training images misread, gradient norm, evaluations so far."""
    reason: str = ""
    """Why the training ended: gradient, iterations or stalled; empty while it goes on."""

    @property
    def finished(self) -> bool:
        """Whether the training has ended."""
        return bool(self.reason)

    @property
    def iterations(self) -> int:
        """How many iterations the training has taken."""
        return int(self.curve["iteration"][-1])


def as_curve(rows: Sequence[Sequence[float]]) -> dict[str, np.ndarray]:
    """Return the rows of a curve as its columns."""
    columns = zip(CURVE_DTYPES.items(), zip(*rows, strict=True), strict=True)
    return {name: np.array(column, dtype) for (name, dtype), column in columns}


def write_checkpoint(path: Path, checkpoint: Checkpoint, *, identity: str) -> None:
    """Write a checkpoint of the work called ``identity``, whole or not at all."""
    tensors = {f"weights/{name}": tensor for name, tensor in checkpoint.weights.items()}
    tensors |= {f"curve/{name}": torch.from_numpy(column) for name, column in checkpoint.curve.items()}
    save_weights(path, tensors, {"identity": identity, "reason": checkpoint.reason})


def read_checkpoint(path: Path, *, identity: str) -> Checkpoint | None:
    """Return the checkpoint at ``path`` if it is whole and of the work called ``identity``, else None."""
    try:
        metadata, tensors = read_metadata(path), load_weights(path)
    except CorruptShardError:
        return None
    if metadata.get("identity") != identity:
        return None
    weights = {name.removeprefix("weights/"): each for name, each in tensors.items() if name.startswith("weights/")}
    curve = {name: tensors[f"curve/{name}"].numpy() for name in CURVE_DTYPES}
    return Checkpoint(weights, curve, metadata.get("reason", ""))
