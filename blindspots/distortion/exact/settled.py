"""A linear model's least distortion as points in the images' dtype: what a search leaves above it is put right."""

import torch

from blindspots.distortion.attempt import Attempt
from blindspots.distortion.best import FOUND_BY
from blindspots.distortion.criteria import AnyOther
from blindspots.distortion.exact.linear import exact_distances, exact_linear_distortion
from blindspots.distortion.projection.boundary import rounding_margin
from blindspots.distortion.rows import take
from blindspots.models.classifier import worst_lead

_NEAR = 1e-4
"""Share above the exact distance that is left alone."""
_BEYOND = (
    0.0, 1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 5e-4, 7e-4, 9e-4, 2e-3, 4e-3, 1e-2, 0.02, 0.03, 0.05, 0.07, 0.1, 0.2, 0.5, 1.0,
)  # fmt: skip
"""Shares of its length by which the exact step is lengthened until it is read as wanted: at its end classes tie. From
0.02 on they are for steps of few roundings of the image, of which the next is a large share."""
_FAR = 1e-3
"""Share above the exact distance that is not left to a longer step, or to what a search has found."""
_LEADS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
"""Shares of the largest logit that a class is to lead by where no short lengthening will do: past the end of the step,
where many classes tie, another may lead."""
_BORDER = 1e-12
"""What is nearer to the box's border than this lies on it."""


def exact_of(linear: torch.nn.Linear, attempt: Attempt, part: torch.Tensor) -> torch.Tensor:
    """Return the least distortions (p,) of the images ``part`` (indices); 0 for images that nothing is sought for."""
    rows, labels, wanted = take(attempt.rows, part), take(attempt.labels, part), attempt.wanted.take(part)
    if isinstance(wanted, AnyOther):
        return exact_distances(linear.weight, linear.bias, rows, labels)
    sought = (~wanted.own).nonzero()[:, 0]
    exact = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
    if len(sought):
        exact[sought] = exact_linear_distortion(
            linear.weight, linear.bias, rows[sought], labels[sought], targets=wanted.targets[sought]
        ).distortion
    return exact


def settle(linear: torch.nn.Linear, attempt: Attempt, part: torch.Tensor, exact: torch.Tensor) -> None:
    """Put the exact points in the place of those of the images ``part`` (indices) that are farther, or not found.

    ``exact``: (p,) their least distortions.
    """
    scale = attempt.rows.shape[1] ** 0.5
    size = (take(attempt.point, part).double() - take(attempt.rows, part).double()).norm(dim=1) / scale
    read = attempt.classifier.logits(take(attempt.point, part)).argmax(dim=1)
    sought = attempt.wanted.take(part)
    missed = ~sought.reached(read) & ~sought.own
    far = (torch.isfinite(exact) & (missed | (exact > 0) & (size > (1 + _NEAR) * exact))).nonzero()[:, 0]
    if not len(far):
        return
    some = part[far]
    wanted = attempt.wanted.take(some)
    targets = None if isinstance(wanted, AnyOther) else wanted.targets
    rows = take(attempt.rows, some)
    found = exact_linear_distortion(linear.weight, linear.bias, rows, take(attempt.labels, some), targets=targets)
    held = torch.where(missed[far], torch.inf, size[far])

    def offer(step: torch.Tensor, at: torch.Tensor, *, dear: bool) -> None:
        """Take the images' ``step`` (k, ...) of those ``at`` (indices) where it is read as wanted, and nearer."""
        point = (rows[at].double() + step).clamp(0, 1).to(rows.dtype)
        logits = attempt.classifier.logits(point)
        lead = worst_lead(logits, found.target[at])
        # as far beyond as rounding in another batch could take it back, where that costs next to nothing
        take_nearer(point, at, read=(lead > 0) & ((lead >= rounding_margin(logits) / 2) | dear))

    def take_nearer(point: torch.Tensor, at: torch.Tensor, *, read: torch.Tensor) -> None:
        """Take what is ``read`` (k,) as wanted of points (k, m), where it is nearer."""
        length = (point.double() - rows[at].double()).norm(dim=1) / scale
        nearer = read & (length < held[at])
        chosen = some[at[nearer]]
        attempt.point[chosen], attempt.by[chosen] = point[nearer], FOUND_BY.index("exact")
        held[at[nearer]] = length[nearer]

    everyone = torch.arange(len(some), device=some.device)
    for beyond in _BEYOND:
        offer((1 + beyond) * found.perturbation, everyone, dear=beyond > _NEAR)
    largest = attempt.classifier.logits(rows).abs().amax()
    for share in _LEADS:
        farther = held > (1 + _FAR) * exact[far]
        for target in found.target[farther].unique().tolist():
            left = (farther & (found.target == target)).nonzero()[:, 0]
            # the least step to where the class leads all others: that of a model whose bias for it is less by as much
            bias = (linear.weight.new_zeros(len(linear.weight)) if linear.bias is None else linear.bias).clone()
            bias[target] -= share * largest
            ahead = exact_linear_distortion(
                linear.weight, bias, rows[left], take(attempt.labels, some[left]), targets=found.target[left]
            )
            there = torch.isfinite(ahead.distortion).nonzero()[:, 0]
            offer(ahead.perturbation[there], left[there], dear=True)
    touching = (held > (1 + _FAR) * exact[far]).nonzero()[:, 0]
    if len(touching):  # what ties there may be read as wanted all the same: the first of several is
        point = _snapped(rows[touching].double() + found.perturbation[touching].flatten(1)).to(rows.dtype)
        together = attempt.classifier.logits(point).argmax(dim=1)
        alone = torch.cat([attempt.classifier.logits(one).argmax(dim=1) for one in point.split(1)])
        goal = wanted.take(touching)
        take_nearer(point, touching, read=goal.reached(together) & goal.reached(alone))


def _snapped(points: torch.Tensor) -> torch.Tensor:
    """Return points (n, m) float64 in the box, on its border where a rounding keeps them off it."""
    points = torch.where(points < _BORDER, 0, points)
    return torch.where(points > 1 - _BORDER, 1, points)
