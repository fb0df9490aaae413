"""The search for the least distortion that makes a model misread an image (section 4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from blindspots.distortion.best import Best
from blindspots.distortion.checks import check_examples, check_images, check_labels
from blindspots.distortion.classifier import Classifier, undisturbed
from blindspots.distortion.criteria import AnyOther, Criterion, criterion
from blindspots.distortion.effort import Effort
from blindspots.distortion.layers import sole_linear
from blindspots.distortion.lbfgs import penalised
from blindspots.distortion.linear import exact_linear_distortion
from blindspots.distortion.lower_bound import lower_bound
from blindspots.distortion.measure import distortion
from blindspots.distortion.projection import nearest
from blindspots.distortion.refinement import refine
from blindspots.distortion.rescue import rescue

_VALUES = 1 << 20
"""About as many values are held in one chunk's images."""
_ROWS_NEAREST = 500
_ROWS_TARGETED = 500


@dataclass(frozen=True)
class MinimumDistortion:
    """The distorted images of a search and how near they are to the originals: tensors, one entry an image.

    Success, prediction, distortion and the box hold for ``images``, which is exactly ``images + perturbation`` in the
    images' dtype, as whoever stores the perturbation will compute it.
    """

    images: torch.Tensor
    """(n, ...) the distorted images, in [0, 1]."""
    perturbation: torch.Tensor
    """(n, ...) what was added; zeros where the search failed or nothing had to be done."""
    distortion: torch.Tensor
    """(n,) float64: root mean square of the change of a value."""
    l2: torch.Tensor
    """(n,) float64: Euclidean norm of the change."""
    success: torch.Tensor
    """(n,) bool: the distorted image is misread (nearest), or read as the target."""
    target: torch.Tensor
    """(n,) int64: the class to reach; under nearest, the class that was reached."""
    predicted: torch.Tensor
    """(n,) int64: the class read in the distorted image."""
    clean_predicted: torch.Tensor
    """(n,) int64: the class read in the original."""
    lower_bound: torch.Tensor
    """(n,) float64: a distortion below which there is no success, proved from the weights; NaN where none is known."""
    exact: torch.Tensor
    """(n,) float64: the least distortion, for a linear model under nearest; else NaN."""
    iterations: torch.Tensor
    """(n,) int64."""
    forwards: torch.Tensor
    """(n,) int64: forward passes of the model that the image took part in."""
    backwards: torch.Tensor
    """(n,) int64: backward passes."""


def minimum_distortion(
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    rule: str | torch.Tensor = "nearest",
    seed: int = 0,
    examples: Sequence[int] | np.ndarray | torch.Tensor | None = None,
    split: str = "",
) -> MinimumDistortion:
    """Search the least distortion of each image at which ``model`` reads another class, or a given one (section 4.1).

    ``rule`` "nearest": any class but the label, by sequential projection onto the linearised boundary. "random": a
    class drawn for each image from ``seed``, ``split`` and its id in ``examples`` (by default its place in the batch);
    a tensor: (n,) the target classes. Targets are reached by the paper's box-constrained L-BFGS on a penalty, then
    refined by projection onto the boundaries with all rivals at once.

    Images misread from the start (slip 13): under nearest they are left as they are, a success at distortion 0; a
    target is sought all the same, and costs nothing only where it is what the model reads already.

    ``model`` returns logits (n, k) for ``images`` (n, ...), float32 or float64 in [0, 1]; ``labels``: (n,) integers.
    Its mode, its parameters and the global random state are left as found. A search that finds nothing ends with
    ``success`` False and a perturbation of zero. Raises :class:`InputError` for input that cannot be used.
    """
    check_images(images)
    images = images.detach()
    classifier = Classifier(model, images.shape[1:])
    with undisturbed(model, images.device):
        logits = classifier.checked(images)
        classes = classifier.classes
        check_labels(labels, classes, len(images))
        labels = labels.to(images.device).long()
        if examples is not None:
            check_examples(examples, len(images))
        wanted = criterion(rule, labels, classes, seed=seed, examples=examples, split=split)
        clean = logits.argmax(dim=1)
        rows = images.flatten(1)
        effort = Effort.none(len(rows), rows.device)
        effort.add(torch.arange(len(rows), device=rows.device), forwards=1)
        point = rows.clone()
        todo = (~wanted.reached(clean)).nonzero()[:, 0]
        most = _ROWS_NEAREST if isinstance(wanted, AnyOther) else _ROWS_TARGETED
        size = min(most, max(1, _VALUES // rows.shape[1]))
        for part in todo.split(size):
            point[part] = _searched(classifier, rows, labels, clean, wanted, part, effort)
        return _result(model, classifier, images, point, labels, clean, wanted, effort)


def _searched(
    classifier: Classifier,
    rows: torch.Tensor,
    labels: torch.Tensor,
    clean: torch.Tensor,
    wanted: Criterion,
    part: torch.Tensor,
    effort: Effort,
) -> torch.Tensor:
    """Return the nearest points found for the rows ``part``; the rows themselves where nothing was found."""
    own = Effort.none(len(part), part.device)
    here = torch.arange(len(part), device=part.device)
    if isinstance(wanted, AnyOther):
        best = nearest(classifier, rows[part], labels[part], own)
    else:
        targets = wanted.targets[part]
        best = Best.none(rows[part], targets)
        penalised(classifier, rows[part], targets, best, own, images=here)
        found = torch.isfinite(best.size).nonzero()[:, 0]
        if len(found):
            refine(classifier, rows[part][found], targets[found], best, own, images=found)
    rescue(classifier, rows, clean, part, wanted, best, own)
    effort.iterations[part] += own.iterations
    effort.forwards[part] += own.forwards
    effort.backwards[part] += own.backwards
    return best.point


def _result(
    model: torch.nn.Module,
    classifier: Classifier,
    images: torch.Tensor,
    point: torch.Tensor,
    labels: torch.Tensor,
    clean: torch.Tensor,
    wanted: Criterion,
    effort: Effort,
) -> MinimumDistortion:
    """Evaluate what a reader will compute from the perturbation."""
    perturbation = point.reshape(images.shape) - images
    distorted = images + perturbation
    predicted = torch.cat([classifier.logits(rows).argmax(dim=1) for rows in distorted.flatten(1).split(2000)])
    effort.add(torch.arange(len(images), device=images.device), forwards=1)
    change = distorted.double() - images.double()
    size = distortion(change)
    targets = None if isinstance(wanted, AnyOther) else wanted.targets
    exact = torch.full_like(size, torch.nan)
    linear = sole_linear(model)
    if linear is not None and targets is None:
        exact = exact_linear_distortion(linear.weight, linear.bias, images, labels).distortion
    return MinimumDistortion(
        images=distorted,
        perturbation=perturbation,
        distortion=size,
        l2=change.flatten(1).norm(dim=1),
        success=wanted.reached(predicted),
        target=wanted.target(predicted),
        predicted=predicted,
        clean_predicted=clean,
        lower_bound=lower_bound(model, images, labels, targets),
        exact=exact,
        iterations=effort.iterations,
        forwards=effort.forwards,
        backwards=effort.backwards,
    )
