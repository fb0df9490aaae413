"""What counts as success: the rules of a search, as objects."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from blindspots.arguments import of_numpy_too
from blindspots.errors import InputError
from blindspots.models.checks import check_class, check_examples, check_labels, check_targets
from blindspots.randomness import generator

RULES = ("nearest", "second", "random", "class-<number>")
_CLASS = re.compile(r"class-(0|[1-9][0-9]*)")

_MOST_DIGITS = 18
"""Of a class's number, as int64 holds them."""


@dataclass(frozen=True)
class AnyOther:
    """The nearest rule: any class but the label. An image misread from the start is left as it is (slip "misread from
    the start")."""

    labels: torch.Tensor

    def wanted(self, classes: int) -> torch.Tensor:
        """Return which classes (n, k) are a success."""
        rows = torch.ones(len(self.labels), classes, dtype=torch.bool, device=self.labels.device)
        return rows.scatter_(1, self.labels[:, None], False)

    @property
    def own(self) -> torch.Tensor:
        """(n,) bool: images that nothing is sought for; none."""
        return torch.zeros_like(self.labels, dtype=torch.bool)

    def reached(self, predicted: torch.Tensor) -> torch.Tensor:
        """Return which predictions (n,) are successes."""
        return predicted != self.labels

    def target(self, predicted: torch.Tensor) -> torch.Tensor:
        """Return the target class (n,): the one that is reached."""
        return predicted

    def take(self, rows: torch.Tensor) -> "AnyOther":
        """Return the criterion of the rows (indices)."""
        return AnyOther(self.labels[rows])


@dataclass(frozen=True)
class Towards:
    """A target rule: one class for each image, driven there even when the image is misread from the start (slip
    "misread from the start")."""

    targets: torch.Tensor
    own: torch.Tensor
    """(n,) bool: images of the target class itself, which are left alone and count as no success."""

    @classmethod
    def of(cls, targets: torch.Tensor, labels: torch.Tensor) -> "Towards":
        """Return the criterion for targets (n,) and labels (n,)."""
        return cls(targets, targets == labels)

    def wanted(self, classes: int) -> torch.Tensor:
        """Return which classes (n, k) are a success."""
        rows = torch.zeros(len(self.targets), classes, dtype=torch.bool, device=self.targets.device)
        return rows.scatter_(1, self.targets[:, None], True)

    def reached(self, predicted: torch.Tensor) -> torch.Tensor:
        """Return which predictions (n,) are successes."""
        return (predicted == self.targets) & ~self.own

    def target(self, predicted: torch.Tensor) -> torch.Tensor:
        """Return the target class (n,)."""
        return self.targets

    def take(self, rows: torch.Tensor) -> "Towards":
        """Return the criterion of the rows (indices)."""
        return Towards(self.targets[rows], self.own[rows])


Criterion = AnyOther | Towards


def criterion(
    rule: str | int | torch.Tensor,
    labels: torch.Tensor,
    *,
    logits: torch.Tensor,
    seed: int,
    examples: Sequence[int] | np.ndarray | torch.Tensor | None,
    split: str,
) -> Criterion:
    """Return the criterion that ``rule`` names; raise :class:`InputError` for a rule or targets that do not fit.

    ``labels``: (n,); ``logits``: (n, k) of the images without distortion, for the second most likely class.
    """
    classes = logits.shape[1]
    if isinstance(rule, torch.Tensor):
        check_targets(rule, labels, classes=classes)
        return Towards.of(rule.to(labels.device).long(), labels)
    if isinstance(rule, str) and (named := _CLASS.fullmatch(rule)):
        if len(named[1]) > _MOST_DIGITS:
            raise InputError(
                f"the class {named[1][:_MOST_DIGITS]}... of {len(named[1])} digits is not one of the model's"
            )
        rule = int(named[1])
    if isinstance(rule, int) and not isinstance(rule, bool):
        check_class(rule, classes)
        return Towards.of(torch.full_like(labels, rule), labels)
    if not isinstance(rule, str):
        raise _no_rule(rule)
    if rule == "nearest":
        return AnyOther(labels)
    if rule == "second":
        return Towards.of(logits.scatter(1, labels[:, None], -torch.inf).argmax(dim=1), labels)
    if rule == "random":
        ids = range(len(labels)) if examples is None else examples
        return Towards.of(random_targets(labels, classes, seed=seed, examples=ids, split=split), labels)
    raise _no_rule(rule)


def _no_rule(rule: object) -> InputError:
    return InputError(f"no rule is called {rule!r}; give one of {', '.join(RULES)}, or a tensor of target classes")


@of_numpy_too
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
