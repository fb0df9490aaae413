"""The class that an image is driven to under the random rule."""

from collections.abc import Sequence

import numpy as np
import torch

from blindspots.models.checks import check_examples, check_labels
from blindspots.randomness import generator


def random_targets(
    labels: torch.Tensor,
    classes: int,
    *,
    seed: int,
    examples: Sequence[int] | np.ndarray | torch.Tensor,
    split: str = "",
) -> torch.Tensor:
    """Draw a target for each image, uniformly from the classes other than its label (slip "targets").

    A target depends on ``seed``, ``split``, the example's id and its label alone: it is the same for every model, in
    every order and in every size of batch.

    ``labels``: (n,) integers in [0, classes); ``examples``: the n ids, integers from 0. Returns (n,) int64 on the
    labels' device. Raises :class:`InputError` for one class, labels out of range, or ids that do not fit.
    """
    check_labels(labels, classes)
    ids = check_examples(examples, len(labels))
    steps = [1 + int(generator(seed, "target", split, index=index).integers(classes - 1)) for index in ids]
    return (labels.long() + torch.tensor(steps, dtype=torch.int64, device=labels.device)) % classes
