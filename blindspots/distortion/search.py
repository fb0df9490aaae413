"""The search for the least distortion that makes a model misread an image (section 4.1)."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from blindspots.arguments import of_numpy_too
from blindspots.device import BATCH, rows_at_once
from blindspots.distortion.attempt import Attempt
from blindspots.distortion.criteria import AnyOther, criterion
from blindspots.distortion.drawing_back import FROM_CLASSES
from blindspots.distortion.exact.affine import affine
from blindspots.distortion.exact.settled import exact_of, settle
from blindspots.distortion.lines.goals import pictures_in_the_box
from blindspots.distortion.methods import Auto, Effort, Method, method_of
from blindspots.distortion.result import MinimumDistortion, checked_result
from blindspots.distortion.row_work import Path, row_work
from blindspots.distortion.strategy import search, search_every_class
from blindspots.distortion.threads import in_threads, one_by_one
from blindspots.models.checks import check_examples, check_images, check_labels
from blindspots.models.classifier import Classifier, undisturbed, unit_of
from blindspots.models.layered import Layered, classifier_of
from blindspots.models.layers import sole_linear
from blindspots.models.unknown.called import Model, as_module
from blindspots.models.unknown.differenced import Differenced
from blindspots.models.unknown.gradients import seen_gradients
from blindspots.models.unknown.inside import Inside
from blindspots.models.unknown.one_by_one import check_one_by_one
from blindspots.randomness import check_seed

_ARRAYS = 8
"""Of images at least: the point, the trial point, gradients, and L-BFGS's memory."""

Rule = str | int | torch.Tensor


@of_numpy_too
def minimum_distortion(
    model: Model,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    rule: Rule = "nearest",
    method: str | Method = "auto",
    effort: Effort | None = None,
    seed: int = 0,
    examples: Sequence[int] | np.ndarray | torch.Tensor | None = None,
    split: str = "",
    path: Path = "auto",
) -> MinimumDistortion:
    """Search the least distortion of each image at which ``model`` reads another class, or a given one (section 4.1).

    ``rule`` "nearest": any class but the label. "second": the likeliest other class. "random": a class drawn for each
    image from ``seed``, ``split`` and its id in ``examples`` (by default its place in the batch). A number, or
    "class-<number>": that class for all ("everything becomes an ostrich"); images of the class itself are left alone
    and count as no success. A tensor: (n,) the target classes.

    ``method`` "lbfgs": the paper's box-constrained L-BFGS on a penalty with a search over its weight c. "projection":
    sequential projection onto the linearised boundaries. "auto", the one that finds less: projection for nearest,
    L-BFGS and then projection with all rivals at once for a target. An object says more: :class:`.Auto`,
    :class:`.Lbfgs` or :class:`.Projection`.

    ``effort``: how much "auto" tries, "fast", "usual" (the default) or "thorough", for some 20, 100
    and 5000 gradients an image where a network is not smooth; smooth ones differ by how soon classes are given up.

    Images misread from the start (slip "misread from the start"): under nearest they are left as they are, a success
    at distortion 0; a target is sought all the same, and costs nothing only where it is what the model reads already.

    ``model``: a module, or anything that can be called, which returns logits (n, k) for ``images`` (n, ...), float32 or
    float64 in [0, 1], each read for itself; ``labels``: (n,) integers. Its mode, its parameters, the images and the
    global random state are left as found. Gradients that are zero, infinite or not those of the logits are warned of,
    and ``found_by`` says how each image was found without them. ``path``: row-wise work by compiled kernels
    ("fused", CPU) or by torch operations; "auto" takes the kernels on a CPU. Results agree within tolerance. A search
    that finds nothing ends with ``success`` False, a perturbation of zero and a reason. Raises :class:`InputError` for
    input that cannot be used.
    """
    check_images(images)
    check_seed(seed)
    how = method_of(method, effort)
    work = row_work(path, images.device)
    model = as_module(model)
    images = images.detach().contiguous()
    classifier = classifier_of(model, images.shape[1:])
    # two parts at least where that is worth while, for two threads; the same whatever there are, so that results are
    half = max(BATCH // 4, -(-len(images) // 2))
    size = rows_at_once(images[0].numel(), arrays=_ARRAYS, most=min(BATCH, half), device=images.device)
    with undisturbed(model, images.device):
        logits = torch.cat([classifier.checked(part) for part in images.split(max(size, BATCH // 10))])
        check_labels(labels, logits.shape[1], count=len(images))
        labels = labels.to(images.device).long()
        if examples is not None:
            check_examples(examples, len(images))
        wanted = criterion(rule, labels, logits=logits, seed=seed, examples=examples, split=split)
        said: tuple[str, ...] = ()
        if unit_of(logits) != 1 and sole_linear(model) is None:
            classifier = Classifier(model, images.shape[1:]).told_by(classifier)
        if not isinstance(classifier, Layered):  # whose gradients are ours
            check_one_by_one(classifier, images, logits)
            classifier.unit = unit_of(logits)
            classifier, said = _trusted(classifier, model, images, logits.argmax(dim=1), at_once=size)
        attempt = Attempt(classifier, images.flatten(1), labels, logits.argmax(dim=1), wanted, work)
        todo = (~(wanted.reached(attempt.clean) | wanted.own)).nonzero()[:, 0]
        each = in_threads if isinstance(classifier, Layered) and images.device.type == "cpu" else one_by_one
        search(attempt, how, parts=todo.split(size), each=each)
        few = logits.shape[1] < FROM_CLASSES
        if isinstance(how, Auto) and how.tries.classes and few and isinstance(wanted, AnyOther) and len(todo):
            search_every_class(attempt, replace(how, effort="usual"), size=size, each=each)
        exact = torch.full_like(logits[:, 0], torch.nan, dtype=torch.float64)
        linear = sole_linear(model) if isinstance(classifier, Layered) else None
        guessed = affine(classifier, attempt.rows) if linear is None and isinstance(how, Auto) and len(todo) else None
        layer = linear or guessed
        if layer is not None:

            def settled(part: torch.Tensor) -> None:
                least = exact_of(layer, attempt, part)
                if linear is not None:  # what is guessed proves nothing
                    exact[part] = least
                if isinstance(how, Auto):  # a method asked for by name stays what it is
                    settle(layer, attempt, part, least)

            each(settled, torch.arange(len(images), device=images.device).split(size))
        return checked_result(model, images, attempt=attempt, each=each, exact=exact, warnings=said)


def _trusted(
    classifier: Classifier, model: torch.nn.Module, images: torch.Tensor, read: torch.Tensor, *, at_once: int
) -> tuple[Classifier, tuple[str, ...]]:
    """Return a classifier whose gradients are the function's, and what is to be said of the model's own."""
    rows = images.flatten(1)
    classifier.look_for_probabilities(torch.cat([rows[:at_once], pictures_in_the_box(rows)]))
    differenced = Differenced(model, images.shape[1:]).told_by(classifier)
    seen = seen_gradients(classifier, differenced, rows, read, at_once=at_once)
    for sentence in seen.warnings():
        warnings.warn(sentence, stacklevel=4)
    if seen.half:
        classifier = Inside(model, images.shape[1:]).told_by(classifier)
    return (differenced if seen.false else classifier), seen.warnings()


@of_numpy_too
def distances_to_all(
    model: Model,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    method: str | Method = "auto",
    effort: Effort | None = None,
    path: Path = "auto",
) -> torch.Tensor:
    """Return the least distortions found (n, k) at which ``model`` reads each image as each class.

    0 in the label's column; infinite where nothing was found. ``images``, ``labels``, ``method``, ``effort``, ``path``
    and what is raised: as for :func:`minimum_distortion`, whose rule is each class in turn.
    """
    classes = 2
    columns: list[torch.Tensor] = []
    while len(columns) < classes:
        found = minimum_distortion(model, images, labels, rule=len(columns), method=method, effort=effort, path=path)
        if not columns:
            with undisturbed(module := as_module(model), images.device):
                classes = Classifier(module, images.shape[1:]).logits(images[:1].flatten(1)).shape[1]
        own = labels.to(images.device).long() == len(columns)
        columns.append(torch.where(found.success, found.distortion, torch.inf).masked_fill(own, 0))
    return torch.stack(columns, dim=1)
