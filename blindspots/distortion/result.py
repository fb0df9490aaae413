"""What a search leaves: the distorted images, evaluated as a reader will see them, and what is proved of them."""

from dataclasses import dataclass

import torch

from blindspots.device import BATCH, rows_at_once
from blindspots.distortion.attempt import Attempt
from blindspots.distortion.best import FOUND_BY
from blindspots.distortion.criteria import AnyOther
from blindspots.distortion.lines.outward import moved_outward
from blindspots.distortion.threads import Each
from blindspots.models.unknown.differenced import Differenced
from blindspots.perturbation.measure import distortion as rms
from blindspots.spectral.proof.rounded_product import certificate


@dataclass(frozen=True)
class MinimumDistortion:
    """The distorted images of a search and how near they are to the originals: tensors, one entry an image.

    Success, prediction, distortion and the box hold for ``images``, which is exactly ``images + perturbation`` in the
    images' dtype, as whoever stores the perturbation will compute it. The true least distortion lies in
    [``lower_bound``, ``distortion``] where the search succeeded.
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
    """(n,) float64: the least distortion, for a linear model; infinite where there is none; NaN for another model."""
    iterations: torch.Tensor
    """(n,) int64."""
    forwards: torch.Tensor
    """(n,) int64: forward passes of the model that the image took part in."""
    backwards: torch.Tensor
    """(n,) int64: backward passes."""
    reasons: dict[int, str]
    """Why there is no success, for each image (its place in the batch) without one."""
    found_by: tuple[str, ...]
    """How each image was found: "clean" (it is read as wanted already), "projection", "lbfgs", "refinement", "drawing
    back", "cuts" (through linearised boundaries, from other starts), "exact" (a linear model's), "straight line" (from
    another image, or one that a class was climbed to), or, where no gradient leads there, "decisions" (a walk along the
    boundary that asks for classes alone), with " by differences" behind it where those took the place of the model's
    gradients; "" where there is no success."""
    warnings: tuple[str, ...] = ()
    """What makes the search worth less than usual: gradients that are zero, infinite or not the function's."""


def checked_result(
    model: torch.nn.Module,
    images: torch.Tensor,
    *,
    attempt: Attempt,
    each: Each,
    exact: torch.Tensor,
    warnings: tuple[str, ...] = (),
) -> MinimumDistortion:
    """Return what ``attempt`` found for ``images`` (n, ...), as evaluated on what a reader will compute from it.

    ``exact``: (n,) what is known of the least; ``warnings``: what was said of the model's gradients. The points of
    ``attempt`` are overwritten.
    """
    count, device, wanted, classifier = len(images), images.device, attempt.wanted, attempt.classifier
    distorted, perturbation = attempt.point.reshape(images.shape), torch.empty_like(images)  # in place, to save memory
    predicted = torch.empty(count, dtype=torch.int64, device=device)
    size = torch.empty(count, dtype=torch.float64, device=device)
    bound = torch.empty_like(size)
    proved = certificate(model, images)
    targets = None if isinstance(wanted, AnyOther) else wanted.targets
    at_once = rows_at_once(images[0].numel(), arrays=4, most=BATCH // 2, device=images.device)

    def measure(part: torch.Tensor) -> None:
        here = slice(int(part[0]), int(part[-1]) + 1)
        torch.sub(distorted[here], images[here], out=perturbation[here])
        torch.add(images[here], perturbation[here], out=distorted[here])
        logits = classifier.logits(distorted[here].flatten(1))
        predicted[here] = logits.argmax(dim=1)
        sought = wanted.take(part)
        lost = ((attempt.by[here] > 0) & ~sought.reached(predicted[here])).nonzero()[:, 0]
        if len(lost):
            some, points = part[lost], distorted[here].flatten(1)
            moved = moved_outward(classifier, images[here].flatten(1), points, lost, wanted=sought)
            perturbation[some] = moved[lost].reshape(images[some].shape) - images[some]
            distorted[some] = images[some] + perturbation[some]
            logits = classifier.logits(distorted[here].flatten(1))
            predicted[here] = logits.argmax(dim=1)
        failed = logits.isnan().any(dim=1)  # where a logit is no number, nothing is read
        failed[lost] |= ~sought.reached(predicted[here])[lost]
        if failed.any():
            some = part[failed]
            distorted[some], perturbation[some], predicted[some] = images[some], 0, attempt.clean[some]
        change = distorted[here].double() - images[here].double()
        size[here] = rms(change)
        goals = None if targets is None else targets[here]
        bound[here] = proved.bounds(images[here], attempt.labels[here], goals)

    each(measure, torch.arange(count, device=device).split(at_once))
    attempt.spent.add(torch.arange(count, device=device), forwards=1)
    success = wanted.reached(predicted)
    return MinimumDistortion(
        images=distorted,
        perturbation=perturbation,
        distortion=size,
        l2=size * images[0].numel() ** 0.5,
        success=success,
        target=wanted.target(predicted),
        predicted=predicted,
        clean_predicted=attempt.clean,
        lower_bound=bound,
        exact=exact,
        iterations=attempt.spent.iterations,
        forwards=attempt.spent.forwards,
        backwards=attempt.spent.backwards,
        reasons=_reasons(success, attempt, exact=exact),
        found_by=_found_by(success, attempt),
        warnings=warnings,
    )


def _found_by(success: torch.Tensor, attempt: Attempt) -> tuple[str, ...]:
    """Return how each image was found."""
    by = torch.where(attempt.wanted.reached(attempt.clean), FOUND_BY.index("clean"), attempt.by)
    how = " by differences" if isinstance(attempt.classifier, Differenced) else ""
    names = ("", "clean", *(name + how for name in FOUND_BY[2:]))
    return tuple(names[place] for place in torch.where(success, by, 0).tolist())


def _reasons(success: torch.Tensor, attempt: Attempt, *, exact: torch.Tensor) -> dict[int, str]:
    """Say for each image without success why."""
    reasons, wanted = {}, attempt.wanted
    for image in (~success).nonzero()[:, 0].tolist():
        one = torch.full_like(attempt.clean, image)
        if wanted.own[image]:
            reasons[image] = "the image is of the target class itself"
        elif exact[image] == torch.inf:
            reasons[image] = "no image in the box is read so: proved"
        elif exact[image].isfinite():
            reasons[image] = (
                f"the method found no image that is read so, though classes tie at {exact[image]:.4g}: proved"
            )
        elif bool((other := wanted.take(one).reached(attempt.clean)).any()):
            there = int(other.nonzero()[0])
            reasons[image] = f"the method found no image that is read so, though image {there} of the batch is"
        else:
            reasons[image] = "the search found no image in the box that is read so; there may be none"
    return reasons
