"""What is kept of a training under way: the weights, and the curve so far."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from blindspots.store.arrays import CorruptShardError
from blindspots.store.place import Place
from blindspots.store.weights import load_checked, save_checked

logger = logging.getLogger(__name__)

CURVE_DTYPES = {
    "iteration": np.int64,
    "loss": np.float64,
    "error": np.float64,
    "gradient_norm": np.float64,
    "evaluations": np.int64,
    "phase": np.int8,
}
"""The columns of a training's curve: a row before any iteration of L-BFGS, then one an iteration or epoch."""

Row = tuple[float, ...]
"""A row of a curve, in the order of :data:`CURVE_DTYPES`."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands, or has ended. Nothing else crosses from one segment of a training to the next."""

    weights: dict[str, torch.Tensor]
    """The state of what is being trained: the network, or in the phase before it the autoencoder."""
    curve: dict[str, np.ndarray]
    """Iteration, loss with decay, share of training images misread, gradient norm, evaluations so far, and phase."""
    phase: int = 0
    """Index of the phase that the training is in."""
    reason: str = ""
    """Why the training ended: converged, iterations, epochs or stalled; empty while it goes on."""
    memory: dict[str, torch.Tensor] = field(default_factory=dict)
    """What Adam carries over; L-BFGS begins every segment without a memory."""

    @property
    def finished(self) -> bool:
        """Whether the training has ended."""
        return bool(self.reason)

    @property
    def iterations(self) -> int:
        """How many iterations the training has taken."""
        return int(self.curve["iteration"][-1]) if len(self.curve["iteration"]) else 0

    @property
    def rows(self) -> list[Row]:
        """The curve row by row."""
        return list(zip(*(self.curve[name].tolist() for name in CURVE_DTYPES), strict=True))


def as_curve(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """Return the rows of a curve as its columns."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(CURVE_DTYPES)
    return {name: np.array(column, dtype) for (name, dtype), column in zip(CURVE_DTYPES.items(), columns, strict=True)}


def write_checkpoint(place: Place, key: str, checkpoint: Checkpoint, *, identity: str) -> None:
    """Write a checkpoint of the work called ``identity``, whole or not at all."""
    tensors = {f"weights/{name}": tensor for name, tensor in checkpoint.weights.items()}
    tensors |= {f"memory/{name}": tensor for name, tensor in checkpoint.memory.items()}
    tensors |= {f"curve/{name}": torch.from_numpy(column) for name, column in checkpoint.curve.items()}
    metadata = {"identity": identity, "phase": str(checkpoint.phase), "reason": checkpoint.reason}
    save_checked(place, key, tensors, metadata)


def read_checkpoint(place: Place, key: str, *, identity: str) -> Checkpoint | None:
    """Return the checkpoint in the file ``key`` if it is of the work called ``identity``, just as written.

    None otherwise: the training begins anew, which is said where there was something.
    """
    if not place.has(key):
        return None
    try:
        tensors, metadata = load_checked(place, key)
    except CorruptShardError as error:
        logger.warning("the checkpoint is damaged, and the training begins anew: %s", error)
        return None
    if metadata.get("identity") != identity:
        return None

    def part(of: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(of): tensor for name, tensor in tensors.items() if name.startswith(of)}

    curve = {name: tensors[f"curve/{name}"].numpy() for name in CURVE_DTYPES}
    return Checkpoint(part("weights/"), curve, int(metadata["phase"]), metadata.get("reason", ""), part("memory/"))
