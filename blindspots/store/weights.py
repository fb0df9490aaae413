"""Weights as safetensors files, known by the hash of their tensors."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save

from blindspots.files import write_whole
from blindspots.store.arrays import CorruptShardError


def save_weights(path: Path, weights: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write ``weights`` and text ``metadata`` to ``path``, whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_whole(path, save(tensors, metadata=dict(metadata)))


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors in ``path``; raise :class:`CorruptShardError` where the file is missing or damaged.

    The tensors are copies with torch's own alignment, since that of a mapped file can change a product's last bits.
    """
    try:
        return {name: tensor.clone() for name, tensor in load(path.read_bytes()).items()}
    except (OSError, SafetensorError, ValueError) as error:
        raise CorruptShardError(f"{path.name}: {str(error).splitlines()[0]}") from None


def read_metadata(path: Path) -> dict[str, str]:
    """Return the text metadata of ``path``; raise :class:`CorruptShardError` where the file is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError, ValueError) as error:
        raise CorruptShardError(f"{path.name}: {str(error).splitlines()[0]}") from None


def as_arrays(weights: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Return the tensors as arrays named ``weights/<name>``, for hashing."""
    return {f"weights/{name}": tensor.detach().cpu().numpy() for name, tensor in weights.items()}
