"""More effort for an image that the ordinary search found nothing for."""

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.boundary import enough, margin
from blindspots.distortion.classifier import Classifier, worst_lead
from blindspots.distortion.criteria import AnyOther, Criterion
from blindspots.distortion.effort import Effort
from blindspots.distortion.lbfgs import penalised
from blindspots.distortion.refinement import refine

_CLASSES = 5
"""Classes tried in turn under the nearest rule."""
_NEIGHBOURS = 8
_BISECTIONS = 25


def rescue(
    classifier: Classifier,
    rows: torch.Tensor,
    clean: torch.Tensor,
    index: torch.Tensor,
    wanted: Criterion,
    best: Best,
    effort: Effort,
    *,
    image: torch.Tensor,
) -> None:
    """Search ``rows[index]`` again, and offer what is found to ``best`` at ``image``.

    First by the penalty with a long search down to tiny c (under nearest: towards the likeliest classes in turn), then
    from other images of the batch that are read as wanted (``clean`` (n,): what is read in each), blended into this
    one until the blend is at the boundary. Ends whether or not anything is found.
    """
    row, here = rows[index][None], image[None]
    if isinstance(wanted, AnyOther):
        logits = classifier.logits(row)
        effort.add(here, forwards=1)
        label = wanted.labels[index]
        order = logits.index_fill(1, label[None], -torch.inf).argsort(dim=1, descending=True)[0]
        targets = order[: min(_CLASSES, classifier.classes - 1)]
        donors = clean != label
    else:
        targets = wanted.targets[index][None]
        donors = clean == targets[0]
    for target in targets:
        penalised(classifier, row, target[None], best, effort, images=here, values=12, iterations=60, tolerance=1e-3)
        if torch.isfinite(best.size[image]):
            refine(classifier, row, target[None], best, effort, images=here)
            return
    found = donors.nonzero()[:, 0]
    if not len(found):
        return
    near = (rows[found] - row).norm(dim=1).topk(min(_NEIGHBOURS, len(found)), largest=False).indices
    goals = rows[found][near]
    reached = clean[found][near]
    _blend(classifier, row, goals, reached, best, effort, image)
    if torch.isfinite(best.size[image]):
        refine(classifier, row, best.target[image][None], best, effort, images=here)


def _blend(
    classifier: Classifier,
    row: torch.Tensor,
    goals: torch.Tensor,
    classes: torch.Tensor,
    best: Best,
    effort: Effort,
    image: torch.Tensor,
) -> None:
    """Bisect between the image and each goal for the nearest blend that is read as the goal is."""
    count = len(goals)
    here = image.expand(count)
    low, high = torch.zeros_like(goals[:, 0]), torch.ones_like(goals[:, 0])
    share = high
    for _ in range(_BISECTIONS):
        point = torch.lerp(row.expand_as(goals), goals, share[:, None]).clamp(0, 1)
        leads, slopes = _lead_and_slope(classifier, point, classes)
        effort.add(here, iterations=1, forwards=1, backwards=1)
        beyond = leads >= enough(slopes)
        best.offer(here, point, torch.where(beyond, (point - row).norm(dim=1), torch.inf), classes)
        high = torch.where(beyond, share, high)
        low = torch.where(beyond, low, share)
        share = (low + high) / 2


def _lead_and_slope(
    classifier: Classifier, point: torch.Tensor, classes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the lead over the strongest rival and the margin to aim for."""
    leaf, logits = classifier.tracked(point)
    lead = worst_lead(logits, classes)
    (slope,) = torch.autograd.grad(lead.sum(), leaf)
    return lead.detach(), margin(slope.norm(dim=1), logits.detach())
