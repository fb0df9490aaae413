"""The least distortion to any other class: sequential projection onto the linearised boundary.

For each of an image's most promising classes t, the lead ``g = f_t - f_label`` is linearised at the current point y,
and the *original* image is projected onto the half-space ``{y': g(y) + a . (y' - y) >= margin}``, a = grad g, inside
the box. At a fixed point the Karush-Kuhn-Tucker conditions of "minimise ||y - x|| subject to g(y) >= margin" hold.
For a linear model the first projection is exact.
"""

from dataclasses import dataclass

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.boundary import enough, margin
from blindspots.distortion.classifier import Classifier, difference, gradient, leads
from blindspots.distortion.effort import Effort
from blindspots.distortion.half_space import project
from blindspots.distortion.rows import dot, take

_RANKED = 9
"""Classes, by logit, whose gradients are taken at the image."""
_CANDIDATES = 5
"""Of those, the classes that are searched."""
_ROUNDS = 30
_AVERAGE_FROM = 3
"""Rounds after which old and new normals are averaged, against oscillation."""
_PRUNE = (1.5, 1.2, 1.08, 1.03)
"""A class is dropped when its distance is this many times the image's least; the last stays in force."""
_OVERSHOOT = 0.3
"""A point is drawn back to the boundary when its lead is more than this share of the gap there was at the image."""
_RETRACTIONS = 6
_RESTORATIONS = 8


@dataclass
class Pairs:
    """Rows of the search: one an (image, class), those still moving."""

    image: torch.Tensor
    target: torch.Tensor
    point: torch.Tensor
    lead: torch.Tensor
    gap: torch.Tensor
    """How far the label led at the image."""
    normal: torch.Tensor
    aim: torch.Tensor
    size: torch.Tensor
    """Distance of the point from its image at the last projection."""
    multiplier: torch.Tensor

    def take(self, rows: torch.Tensor) -> "Pairs":
        """Return the rows (indices)."""
        return Pairs(*(take(value, rows) for value in vars(self).values()))


def nearest(classifier: Classifier, rows: torch.Tensor, labels: torch.Tensor, effort: Effort) -> Best:
    """Search the nearest point of the box that is read as any class but the label.

    ``rows``: (n, m) in [0, 1], read as ``labels`` (n,). Returns points (n, m), distances (Euclidean, infinite where
    nothing was found) and classes reached.
    """
    best = Best.none(rows, labels)
    pairs = _candidates(classifier, rows, labels, effort)
    stuck: list[Pairs] = []
    for turn in range(_ROUNDS):
        level = dot(pairs.normal, pairs.point) - pairs.lead + pairs.aim
        origin = take(rows, pairs.image)
        pairs.point, pairs.multiplier = project(origin, pairs.normal, level, pairs.multiplier)
        size = torch.linalg.vector_norm(pairs.point - origin, dim=1)
        change = (size - pairs.size).abs() / size.clamp_min(torch.finfo(size.dtype).tiny)
        pairs.size = size
        keep = _promising(pairs, best, _PRUNE[min(turn, len(_PRUNE) - 1)]).nonzero()[:, 0]
        if len(keep) < len(change):
            pairs, change = pairs.take(keep), change[keep]
        old = pairs.normal
        normal = _evaluate(classifier, pairs, labels, best, effort)
        over = (pairs.lead > _OVERSHOOT * pairs.gap).nonzero()[:, 0]
        if len(over):
            normal = _retract(classifier, rows, labels, pairs, normal, over, best, effort)
        norm = torch.linalg.vector_norm(normal, dim=1)
        beyond = pairs.lead >= enough(pairs.aim)
        level_with = (pairs.lead - pairs.aim).abs() <= enough(pairs.aim)
        straight = (normal - old).norm(dim=1) <= 1e-4 * norm
        done = beyond & ((straight & level_with) | (change <= _settled(size.dtype)))
        lost = ~torch.isfinite(pairs.multiplier) & (norm == 0)
        pairs.normal = (normal + old) / 2 if turn >= _AVERAGE_FROM else normal
        moving = ~(done | lost)
        still = ~beyond & (change <= _settled(size.dtype)) & (turn > 2 * _AVERAGE_FROM)
        if still.any():
            stuck.append(pairs.take(still.nonzero()[:, 0]))
        going = (moving & ~still).nonzero()[:, 0]
        if len(going) < len(still):
            pairs = pairs.take(going)
        if not len(pairs.image):
            break
    for rest in [*stuck, pairs]:
        _restore(classifier, rows, labels, rest, best, effort)
    return best


def _evaluate(classifier: Classifier, pairs: Pairs, labels: torch.Tensor, best: Best, effort: Effort) -> torch.Tensor:
    """Set the pairs' lead and aim at their points, offer those that are beyond, and return the leads' gradients."""
    leaf, logits = classifier.tracked(pairs.point)
    lead = difference(logits, pairs.target, take(labels, pairs.image))
    normal = gradient(lead, leaf)
    pairs.lead = lead.detach()
    pairs.aim = margin(torch.linalg.vector_norm(normal, dim=1), logits.detach())
    effort.add(pairs.image, iterations=1, forwards=1, backwards=1)
    reached = torch.where(pairs.lead >= enough(pairs.aim), pairs.size, torch.inf)
    best.offer(pairs.image, pairs.point, reached, pairs.target)
    return normal


def _retract(
    classifier: Classifier,
    rows: torch.Tensor,
    labels: torch.Tensor,
    pairs: Pairs,
    normal: torch.Tensor,
    over: torch.Tensor,
    best: Best,
    effort: Effort,
) -> torch.Tensor:
    """Draw the points ``over`` (indices) that went far beyond the boundary back to it, and linearise there.

    Where a model saturates, the gradient far beyond is no guide. The boundary is found on the segment from the image by
    false position, with the retained end's value halved so that both ends move. Changes
    ``pairs`` and returns ``normal``, the gradients at their points, as changed.
    """
    far = pairs.take(over)
    origin = take(rows, far.image)
    offset, target, label = far.point - origin, far.target, take(labels, far.image)
    low, low_lead = torch.zeros_like(far.lead), -far.gap
    high, high_lead = torch.ones_like(far.lead), far.lead
    share = high
    for _ in range(_RETRACTIONS):
        share = low + (high - low) * (low_lead / (low_lead - high_lead)).clamp(0.05, 0.95)
        far.point = torch.addcmul(origin, offset, share[:, None]).clamp_(0, 1)
        lead = difference(classifier.logits(far.point), target, label)
        effort.add(far.image, forwards=1)
        above = lead > 0
        low, low_lead = torch.where(above, low, share), torch.where(above, low_lead / 2, lead)
        high, high_lead = torch.where(above, share, high), torch.where(above, lead, high_lead / 2)
        if bool((lead.abs() <= _OVERSHOOT / 2 * far.gap).all()):
            break
    far.size = torch.linalg.vector_norm(far.point - origin, dim=1)
    slope = _evaluate(classifier, far, labels, best, effort)
    far.multiplier = torch.zeros_like(far.multiplier)
    for name, value in vars(pairs).items():
        setattr(pairs, name, value.index_copy(0, over, getattr(far, name)))
    return normal.index_copy(0, over, slope)


def _settled(dtype: torch.dtype) -> float:
    return 1e-5 if dtype == torch.float32 else 1e-7


def _candidates(classifier: Classifier, rows: torch.Tensor, labels: torch.Tensor, effort: Effort) -> Pairs:
    """Return the pairs to start from: the classes with the least gap over gradient norm among what can move."""
    leaf, logits = classifier.tracked(rows)
    others = logits.detach().scatter(1, labels[:, None], -torch.inf)
    ranked = others.topk(min(_RANKED, logits.shape[1] - 1), dim=1).indices
    lead, normals = leads(leaf, logits, ranked, labels[:, None])
    logits = logits.detach()
    images = torch.arange(len(rows), device=rows.device)
    effort.add(images, iterations=1, forwards=1, backwards=ranked.shape[1])
    norms = normals.norm(dim=2)
    distance = (margin(norms, logits) - lead) / norms.clamp_min(torch.finfo(rows.dtype).tiny)
    chosen = distance.topk(min(_CANDIDATES, ranked.shape[1]), dim=1, largest=False).indices
    image = images[:, None].expand_as(chosen).reshape(-1)
    column = chosen.reshape(-1)
    norm = norms[image, column]
    return Pairs(
        image=image,
        target=ranked[image, column],
        point=take(rows, image),
        lead=lead[image, column],
        gap=-lead[image, column],
        normal=take(normals.flatten(0, 1), image * ranked.shape[1] + column),
        aim=margin(norm, logits[image]),
        size=torch.zeros_like(norm),
        multiplier=torch.zeros_like(norm),
    )


def _promising(pairs: Pairs, best: Best, factor: float) -> torch.Tensor:
    """Return which pairs may still give their image's nearest point."""
    reachable = torch.where(torch.isfinite(pairs.multiplier), pairs.size, torch.inf)
    least = torch.full_like(best.size, torch.inf).scatter_reduce(0, pairs.image, reachable, "amin").minimum(best.size)
    return (reachable <= factor * least[pairs.image]) | ~torch.isfinite(least[pairs.image])


def _restore(
    classifier: Classifier, rows: torch.Tensor, labels: torch.Tensor, pairs: Pairs, best: Best, effort: Effort
) -> None:
    """Bring points that stopped short of the boundary beyond it, by moving the half-space along its fixed normal."""
    level = dot(pairs.normal, pairs.point)
    slope = torch.ones_like(level)
    for _ in range(_RESTORATIONS):
        keep = ((pairs.size < best.size[pairs.image]) & (pairs.lead < enough(pairs.aim))).nonzero()[:, 0]
        if not len(keep):
            return
        pairs, level, slope = pairs.take(keep), level[keep], slope[keep]
        step = (pairs.aim - pairs.lead) / slope
        level = level + step
        origin = take(rows, pairs.image)
        pairs.point, pairs.multiplier = project(origin, pairs.normal, level, pairs.multiplier)
        pairs.size = torch.linalg.vector_norm(pairs.point - origin, dim=1)
        logits = classifier.logits(pairs.point)
        effort.add(pairs.image, iterations=1, forwards=1)
        lead = difference(logits, pairs.target, labels[pairs.image])
        slope = ((lead - pairs.lead) / step).clamp(0.25, 4.0)
        pairs.lead = lead
        beyond = lead >= enough(pairs.aim)
        best.offer(pairs.image, pairs.point, torch.where(beyond, pairs.size, torch.inf), pairs.target)
