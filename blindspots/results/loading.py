"""What a study was of, in one line: its models with their weights, and its data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blindspots.results.results import Results

if TYPE_CHECKING:
    from torch import nn

    from blindspots.datasets.dataset import Dataset


def load_model(
    root: str | Path,
    name: str,
    *,
    seed: int = 0,
    data: str | Path | None = None,
    networks: Sequence[str] | None = None,
) -> "nn.Module":
    """Return the model ``name`` of the study in ``root``, with its weights, in evaluation mode on the CPU.

    It takes images in [0, 1] and returns logits. ``data``: folder of the data set, which tells the images' shape;
    ``networks``: packages whose functions the study may name as networks, and whose code is run.

    Raises :class:`~blindspots.errors.InputError` where there is no study or no such model, or its weights cannot be
    used.
    """
    with Results(root, data=data, networks=networks) as results:
        results.study.model(name)
        return results.network(name, seed)


def load_dataset(root: str | Path, *, data: str | Path | None = None) -> "Dataset":
    """Return the data set of the study in ``root``: its images and labels by split and example.

    ``data``: folder of its files, the usual places otherwise. Raises :class:`~blindspots.errors.InputError` where there
    is no study, or the data cannot be had.
    """
    with Results(root, data=data) as results:
        return results.dataset
