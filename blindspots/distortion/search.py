"""The search for the least distortion that makes a model misread an image (section 4.1)."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch

from blindspots.distortion.attempt import Attempt, Each
from blindspots.distortion.criteria import AnyOther, Criterion, criterion
from blindspots.distortion.exact.linear import exact_distances, exact_linear_distortion
from blindspots.distortion.methods import Method, method_of
from blindspots.distortion.row_work import row_work
from blindspots.models.checks import check_examples, check_images, check_labels
from blindspots.models.classifier import Classifier, undisturbed
from blindspots.models.layered import Layered, classifier_of
from blindspots.models.layers import sole_linear
from blindspots.perturbation.measure import distortion as rms
from blindspots.spectral.proof.rounded_product import certificate

_VALUES = 1 << 20
"""About as many values are held in one chunk's images."""
_LEAST_ROWS, _MOST_ROWS = 250, 1000

Rule = str | int | torch.Tensor


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


def minimum_distortion(
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    rule: Rule = "nearest",
    method: str | Method = "auto",
    seed: int = 0,
    examples: Sequence[int] | np.ndarray | torch.Tensor | None = None,
    split: str = "",
    path: Literal["auto", "fused", "torch"] = "auto",
) -> MinimumDistortion:
    """Search the least distortion of each image at which ``model`` reads another class, or a given one (section 4.1).

    ``rule`` "nearest": any class but the label. "second": the likeliest other class. "random": a class drawn for each
    image from ``seed``, ``split`` and its id in ``examples`` (by default its place in the batch). A number, or
    "class-<number>": that class for all ("everything becomes an ostrich"); images of the class itself are left alone
    and count as no success. A tensor: (n,) the target classes.

    ``method`` "lbfgs": the paper's box-constrained L-BFGS on a penalty with a search over its weight c. "projection":
    sequential projection onto the linearised boundaries. "auto", the one that finds less: projection for nearest,
    L-BFGS and then projection with all rivals at once for a target. An object of
    :mod:`blindspots.distortion.methods` says more.

    Images misread from the start (slip "misread from the start"): under nearest they are left as they are, a success
    at distortion 0; a target is sought all the same, and costs nothing only where it is what the model reads already.

    ``model`` returns logits (n, k) for ``images`` (n, ...), float32 or float64 in [0, 1]; ``labels``: (n,) integers.
    Its mode, its parameters and the global random state are left as found. ``path``: row-wise work by compiled kernels
    ("fused", CPU) or by torch operations; "auto" takes the kernels on a CPU. Results agree within tolerance. A search
    that finds nothing ends with ``success`` False, a perturbation of zero and a reason. Raises :class:`InputError` for
    input that cannot be used.
    """
    check_images(images)
    how = method_of(method)
    work = row_work(path, images.device)
    images = images.detach().contiguous()
    classifier = classifier_of(model, images.shape[1:])
    # two parts at least where that is worth while, for two threads; the same whatever there are, so that results are
    size = min(_MOST_ROWS, max(_LEAST_ROWS, -(-len(images) // 2)), max(1, _VALUES // images[0].numel()))
    with undisturbed(model, images.device):
        logits = torch.cat([classifier.checked(part) for part in images.split(max(size, 100))])
        check_labels(labels, logits.shape[1], len(images))
        labels = labels.to(images.device).long()
        if examples is not None:
            check_examples(examples, len(images))
        wanted = criterion(rule, labels, logits, seed=seed, examples=examples, split=split)
        attempt = Attempt(classifier, images.flatten(1), labels, logits.argmax(dim=1), wanted, work)
        todo = (~(wanted.reached(attempt.clean) | wanted.own)).nonzero()[:, 0]
        each = _in_threads if isinstance(classifier, Layered) and images.device.type == "cpu" else _one_by_one
        attempt.search(how, todo.split(size), each)
        return _result(model, classifier, images, attempt, each)


def distances_to_all(
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    method: str | Method = "auto",
    path: Literal["auto", "fused", "torch"] = "auto",
) -> torch.Tensor:
    """Return the least distortions found (n, k) at which ``model`` reads each image as each class.

    0 in the label's column; infinite where nothing was found. ``images``, ``labels``, ``method``, ``path`` and what is
    raised: as for :func:`minimum_distortion`, whose rule is each class in turn.
    """
    classes = 2
    columns: list[torch.Tensor] = []
    while len(columns) < classes:
        found = minimum_distortion(model, images, labels, rule=len(columns), method=method, path=path)
        if not columns:
            with undisturbed(model, images.device), torch.no_grad():
                classes = model(images[:1]).shape[1]
        own = labels.to(images.device).long() == len(columns)
        columns.append(torch.where(found.success, found.distortion, torch.inf).masked_fill(own, 0))
    return torch.stack(columns, dim=1)


def _one_by_one(work: Callable[[torch.Tensor], None], parts: Iterable[torch.Tensor]) -> None:
    for part in parts:
        work(part)


def _in_threads(work: Callable[[torch.Tensor], None], parts: Iterable[torch.Tensor]) -> None:
    """Do the parts in as many threads as torch may use, one torch thread each: results do not depend on how many."""
    count, parts = torch.get_num_threads(), list(parts)
    if count == 1 or len(parts) < 2:
        return _one_by_one(work, parts)
    try:
        for done in _threads(count).map(work, parts):
            assert done is None
    finally:
        torch.set_num_threads(count)  # threads that start later take what was set last


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    """Return as many threads, kept: to start one beside others that are at work takes milliseconds."""
    return ThreadPoolExecutor(count, "blindspots", initializer=lambda: torch.set_num_threads(1))


os.register_at_fork(after_in_child=_threads.cache_clear)  # a forked process has none of them


def _result(
    model: torch.nn.Module, classifier: Classifier, images: torch.Tensor, attempt: Attempt, each: Each
) -> MinimumDistortion:
    """Evaluate what a reader will compute from the perturbation."""
    count, device, wanted = len(images), images.device, attempt.wanted
    distorted, perturbation = attempt.point.reshape(images.shape), torch.empty_like(images)  # in place, to save memory
    predicted = torch.empty(count, dtype=torch.int64, device=device)
    size = torch.empty(count, dtype=torch.float64, device=device)
    exact, bound = torch.full_like(size, torch.nan), torch.empty_like(size)
    proved = certificate(model, images)
    targets = None if isinstance(wanted, AnyOther) else wanted.targets
    linear = sole_linear(model) if isinstance(classifier, Layered) else None

    def measure(part: torch.Tensor) -> None:
        here = slice(int(part[0]), int(part[-1]) + 1)
        torch.sub(distorted[here], images[here], out=perturbation[here])
        torch.add(images[here], perturbation[here], out=distorted[here])
        change = distorted[here].double() - images[here].double()
        size[here] = rms(change)
        predicted[here] = classifier.logits(distorted[here].flatten(1)).argmax(dim=1)
        goals = None if targets is None else targets[here]
        bound[here] = proved.bounds(images[here], attempt.labels[here], goals)
        if linear is not None:
            exact[here] = _exact(linear, images[here], attempt.labels[here], wanted.take(part))

    each(measure, torch.arange(count, device=device).split(500))
    attempt.effort.add(torch.arange(count, device=device), forwards=1)
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
        iterations=attempt.effort.iterations,
        forwards=attempt.effort.forwards,
        backwards=attempt.effort.backwards,
        reasons=_reasons(success, wanted, exact),
    )


def _exact(linear: torch.nn.Linear, images: torch.Tensor, labels: torch.Tensor, wanted: Criterion) -> torch.Tensor:
    """Return a linear model's least distortions (n,); 0 for images that nothing is sought for."""
    if isinstance(wanted, AnyOther):
        return exact_distances(linear.weight, linear.bias, images, labels)
    sought = (~wanted.own).nonzero()[:, 0]
    exact = torch.zeros(len(images), dtype=torch.float64, device=images.device)
    if len(sought):
        found = exact_linear_distortion(
            linear.weight, linear.bias, images[sought], labels[sought], targets=wanted.targets[sought]
        )
        exact[sought] = found.distortion
    return exact


def _reasons(success: torch.Tensor, wanted: Criterion, exact: torch.Tensor) -> dict[int, str]:
    """Say for each image without success why."""
    reasons = {}
    for image in (~success).nonzero()[:, 0].tolist():
        if wanted.own[image]:
            reasons[image] = "the image is of the target class itself"
        elif exact[image] == torch.inf:
            reasons[image] = "no image in the box is read so: proved"
        else:
            reasons[image] = "the search found no image in the box that is read so; there may be none"
    return reasons
