"""Perturbations of a layer's activations that mislead what follows, of the length that a pool asks for.

What follows a layer is a network of its own, whose inputs lie in [0, 1] as sigmoids' outputs do: so the search for the
least distortion is the one for images, on the layers above.
"""

from dataclasses import dataclass

import torch
from torch import nn

from blindspots.device import rows_at_once
from blindspots.distortion.attempt import Attempt
from blindspots.distortion.criteria import AnyOther, Criterion, Towards
from blindspots.distortion.methods import Auto
from blindspots.distortion.row_work import row_work
from blindspots.distortion.strategy import search
from blindspots.distortion.threads import one_by_one
from blindspots.models.classifier import contrast
from blindspots.models.layered import classifier_of
from blindspots.networks.fully_connected import FullyConnected
from blindspots.study.pools_spec import PoolsSpec
from blindspots.training.hardening.parts import above, activations
from blindspots.training.lbfgs import DivergedError

_AT_ONCE = 500
"""Rows searched together on a CPU, whatever their number: in another batch a sum has other last bits."""
_HOW = Auto(effort="fast")
_NOT_FINITE = "a pool is to be made for weights whose logits are not finite"


@dataclass(frozen=True)
class Perturbed:
    """What was made for some activations: rows of a pool to be."""

    values: torch.Tensor
    """(n, units) what is stored: what is added, or the perturbed activations."""
    distance: torch.Tensor
    """(n,) float32: Euclidean length of the least that was found to mislead; of a step without a search, its own."""
    success: torch.Tensor
    """(n,) bool: something was found that misleads; where nothing is sought, there is a step, or no need of one."""
    target: torch.Tensor
    """(n,) int64: the class that is read in the least perturbed activation; of a step without a search, at its end."""


def perturbed(
    network: FullyConnected,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    layer: int,
    spec: PoolsSpec,
    turns: torch.Tensor,
) -> Perturbed:
    """Return perturbations of the output of ``layer`` for ``images`` (n, ...) with ``labels`` (n,).

    ``turns``: (n,) how far each random target lies behind the label. What is misread from the start is left as it is
    towards the nearest class (slip "misread from the start"). Perturbed activations stay in [0, 1]. Where only a fixed
    length is wanted, ``direction`` "linear" takes the boundary that looks the nearest, without the search's work.
    """
    inner, before = above(network, layer), activations(network, images, layer)
    if spec.direction == "gradient":
        step = loss_gradient(inner, before, labels)
        point = lengthened(before, step, spec.reach)
        length = (point - before).norm(dim=1)
        with torch.no_grad():
            return Perturbed(_stored(before, point, spec), length, length > 0, inner(point).argmax(dim=1))
    if spec.direction == "linear":
        step, misread = towards_nearest(inner, before, labels)
        point = lengthened(before, step, spec.reach)
        length = (point - before).norm(dim=1)
        with torch.no_grad():
            read = inner(point).argmax(dim=1)
        return Perturbed(_stored(before, point, spec), length, misread | (length > 0), read)
    least, read, success = least_misleading(inner, before, labels, turns=turns if spec.direction == "random" else None)
    change = least - before
    distance = change.norm(dim=1)
    if spec.reach_form == "share":
        point = (before + spec.reach * change).clamp_(0, 1)
    else:
        point = lengthened(before, change, spec.reach)
    return Perturbed(_stored(before, point, spec), distance, success, read)


@torch.no_grad()
def least_misleading(
    inner: nn.Module, values: torch.Tensor, labels: torch.Tensor, *, turns: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the nearest values (n, units) in [0, 1] found that ``inner`` misreads, what it reads there, and success.

    ``turns``: None for any other class, else how far each target lies behind the label, among the classes.
    """
    classifier = classifier_of(inner, values.shape[1:])
    logits = inner(values)
    if not logits.isfinite().all():
        raise DivergedError(_NOT_FINITE)
    classifier.classes = logits.shape[1]
    wanted: Criterion = AnyOther(labels)
    if turns is not None:
        wanted = Towards.of((labels + turns) % logits.shape[1], labels)
    attempt = Attempt(classifier, values, labels, logits.argmax(dim=1), wanted, row_work("auto", values.device))
    todo = (~(wanted.reached(attempt.clean) | wanted.own)).nonzero()[:, 0]
    search(attempt, _HOW, parts=todo.split(_at_once(values)), each=one_by_one)
    read = classifier.logits(attempt.point).argmax(dim=1)
    return attempt.point, read, wanted.reached(read)


@torch.no_grad()
def towards_nearest(inner: nn.Module, values: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the way (n, units) to the boundary that looks the nearest from ``values``, and what is misread (n,).

    The boundary with class j looks (f_y - f_j) / |grad (f_y - f_j)| away, and lies up the gradient of f_j - f_y. From
    what is misread already it is no way at all: zeros.
    """
    classifier = classifier_of(inner, values.shape[1:])
    way, misread = torch.zeros_like(values), torch.zeros_like(labels, dtype=torch.bool)
    at_once = _at_once(values)
    for start in range(0, len(values), at_once):
        part = slice(start, start + at_once)
        logits, tape = classifier.evaluate(values[part])
        if not logits.isfinite().all():
            raise DivergedError(_NOT_FINITE)
        own, classes = labels[part, None], logits.shape[1]
        others = (own + torch.arange(1, classes, device=own.device)) % classes
        gaps = logits.gather(1, own) - logits.gather(1, others)
        row, _, normals = classifier.closest(tape, contrast(others, own, like=logits), gaps, within=1.0)
        first = torch.ones_like(row, dtype=torch.bool)
        first[1:] = row[1:] != row[:-1]  # of boundaries equally far, one
        misread[part] = logits.argmax(dim=1) != labels[part]
        way[part][row[first]] = normals[first]
    return way.masked_fill_(misread[:, None], 0), misread


def loss_gradient(inner: nn.Module, values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the gradient (n, units) of each row's cross-entropy by ``values`` (n, units)."""
    with torch.enable_grad():
        at = values.detach().requires_grad_()
        loss = nn.functional.cross_entropy(inner(at), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, at)
    return gradient


def lengthened(values: torch.Tensor, direction: torch.Tensor, reach: float) -> torch.Tensor:
    """Return ``values`` (n, units) moved by ``reach`` along each row's direction, then clipped to [0, 1].

    A direction of zeros moves nothing.
    """
    length = direction.norm(dim=1, keepdim=True)
    return (values + direction * torch.where(length > 0, reach / length, 0)).clamp_(0, 1)


def _at_once(values: torch.Tensor) -> int:
    """Return how many of the rows ``values`` (n, units) are searched together: more on a GPU, which waits otherwise."""
    return rows_at_once(values.shape[1], most=_AT_ONCE, device=values.device)


def _stored(before: torch.Tensor, point: torch.Tensor, spec: PoolsSpec) -> torch.Tensor:
    return point if spec.stored == "activation" else point - before
