"""What counts as success: the rules of a search, as objects."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from blindspots.distortion.checks import check_targets
from blindspots.distortion.targets import random_targets
from blindspots.errors import InputError

RULES = ("nearest", "random")


@dataclass(frozen=True)
class AnyOther:
    """The nearest rule: any class but the label. An image misread from the start is left as it is (slip 13)."""

    labels: torch.Tensor

    def reached(self, predicted: torch.Tensor) -> torch.Tensor:
        """Return which predictions (n,) are successes."""
        return predicted != self.labels

    def target(self, predicted: torch.Tensor) -> torch.Tensor:
        """Return the target class (n,): the one that is reached."""
        return predicted


@dataclass(frozen=True)
class Towards:
    """A target rule: one class for each image, driven there even when the image is misread from the start (slip 13)."""

    targets: torch.Tensor

    def reached(self, predicted: torch.Tensor) -> torch.Tensor:
        """Return which predictions (n,) are successes."""
        return predicted == self.targets

    def target(self, predicted: torch.Tensor) -> torch.Tensor:
        """Return the target class (n,)."""
        return self.targets


Criterion = AnyOther | Towards


def criterion(
    rule: str | torch.Tensor,
    labels: torch.Tensor,
    classes: int,
    *,
    seed: int,
    examples: Sequence[int] | np.ndarray | torch.Tensor | None,
    split: str,
) -> Criterion:
    """Return the criterion that ``rule`` names; raise :class:`InputError` for a rule or targets that do not fit."""
    if isinstance(rule, torch.Tensor):
        check_targets(rule, labels, classes)
        return Towards(rule.to(labels.device).long())
    if rule == "nearest":
        return AnyOther(labels)
    if rule == "random":
        ids = range(len(labels)) if examples is None else examples
        return Towards(random_targets(labels, classes, seed=seed, examples=ids, split=split))
    raise InputError(f"no rule is called {rule!r}; give one of {', '.join(RULES)}, or a tensor of target classes")
