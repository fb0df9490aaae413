"""The exact least distortion of a linear model: the oracle that searches are held against."""

from dataclasses import dataclass

import torch

from blindspots.distortion.checks import check_images, check_labels
from blindspots.distortion.half_space import project
from blindspots.distortion.measure import distortion
from blindspots.distortion.rows import dot
from blindspots.errors import InputError


@dataclass(frozen=True)
class ExactDistortion:
    """The exact least distortions of n images, in float64."""

    distortion: torch.Tensor
    """(n,) root mean square of the perturbation; infinite where no image of the box is misread."""
    perturbation: torch.Tensor
    """(n, ...) the perturbation of that size; zeros where there is none."""
    target: torch.Tensor
    """(n,) int64: the class whose boundary is reached; the class read for an image misread from the start."""
    residual: torch.Tensor
    """(n,) the largest violation of the Karush-Kuhn-Tucker conditions, as a distance relative to the perturbation's."""


def exact_linear_distortion(
    weight: torch.Tensor, bias: torch.Tensor | None, images: torch.Tensor, labels: torch.Tensor
) -> ExactDistortion:
    """Return the exact least distortion at which ``argmax(weight x + bias)`` is no longer the label (section 4.1).

    The images read as class j are the half-space ``(w_j - w_y) . x + b_j - b_y >= 0`` and more rivals only add to
    what counts as misread, so the nearest misread image is the nearest over j of the projections on
    {half-space and box}. Each is solved by its dual, one piecewise linear equation, by Newton's method in float64. The
    distortion is the infimum: at it, the two classes tie. Images misread from the start: 0 (slip 13).

    ``weight``: (k, m); ``bias``: (k,) or None; ``images``: (n, ...) in [0, 1] with m values each; ``labels``: (n,)
    integers. Raises :class:`InputError` for images, labels or weights that do not fit.
    """
    check_images(images)
    if weight.dim() != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        shape = None if bias is None else tuple(bias.shape)
        raise InputError(f"the weight's shape is {tuple(weight.shape)}, the bias's {shape}; give (k, m) and (k,)")
    rows = images.detach().double().flatten(1)
    if rows.shape[1] != weight.shape[1]:
        raise InputError(f"an image has {rows.shape[1]} values, the weight takes {weight.shape[1]}: they must agree")
    check_labels(labels, len(weight), len(images))
    weights = weight.detach().double()
    biases = weights.new_zeros(len(weights)) if bias is None else bias.detach().double()
    return _nearest(weights, biases, rows, labels.long().to(rows.device), images.shape)


def _nearest(
    weight: torch.Tensor, bias: torch.Tensor, rows: torch.Tensor, labels: torch.Tensor, shape: torch.Size
) -> ExactDistortion:
    logits = rows @ weight.T + bias
    gaps = logits.gather(1, labels[:, None]) - logits  # (n, k)
    apart = torch.cdist(weight, weight, compute_mode="donot_use_mm_for_euclid_dist")[labels]
    bounds = torch.where(gaps > 0, gaps / apart, 0).scatter(1, labels[:, None], torch.inf)
    bounds, order = bounds.sort(dim=1)  # what each half-space costs at least, without the box
    best = torch.full_like(bounds[:, 0], torch.inf)
    point, target, residual = rows.clone(), labels.clone(), torch.zeros_like(best)
    misread = logits.argmax(dim=1) != labels
    best[misread], target[misread] = 0.0, logits.argmax(dim=1)[misread]
    for rank in range(logits.shape[1] - 1):
        active = (bounds[:, rank] < best).nonzero()[:, 0]
        if not len(active):
            break
        rival = order[active, rank]
        origin, normal = rows[active], weight[rival] - weight[labels[active]]
        level = dot(normal, origin) + gaps[active, rival]
        projected, multiplier = project(origin, normal, level)
        size = torch.where(torch.isfinite(multiplier), (projected - origin).norm(dim=1), torch.inf)
        nearer = size < best[active]
        chosen = active[nearer]
        best[chosen], target[chosen], point[chosen] = size[nearer], rival[nearer], projected[nearer]
        slack = (dot(normal, projected) - level).abs() / normal.norm(dim=1)
        residual[chosen] = (slack / size.clamp_min(torch.finfo(size.dtype).tiny))[nearer]
    perturbation = point - rows
    exact = torch.where(torch.isfinite(best), distortion(perturbation), torch.inf)
    return ExactDistortion(exact, perturbation.reshape(shape), target, residual)
