"""The exact least distortion of a linear model: the oracle that searches are held against."""

from dataclasses import dataclass

import torch

from blindspots.arguments import check_dense, of_numpy_too
from blindspots.device import BATCH, rows_at_once
from blindspots.distortion.exact.least_distance import EASED
from blindspots.distortion.exact.quadratic_program import ExactProjection, Polyhedra, dual, project_exactly, residual
from blindspots.distortion.projection.fused_projection import nearest_half_space
from blindspots.distortion.row_work import row_work
from blindspots.distortion.rows import dot, take
from blindspots.errors import InputError
from blindspots.models.checks import check_images, check_labels, check_targets
from blindspots.perturbation.measure import distortion

_ARRAYS = 2
"""Of normals: as they are, and of length 1."""


@dataclass(frozen=True)
class ExactDistortion:
    """The exact least distortions of n images, in float64."""

    distortion: torch.Tensor
    """(n,) root mean square of the perturbation; infinite where no image of the box is misread, or the target."""
    perturbation: torch.Tensor
    """(n, ...) the perturbation of that size; zeros where there is none."""
    target: torch.Tensor
    """(n,) int64: the class whose boundary is reached; the class read for an image misread from the start."""
    residual: torch.Tensor
    """(n,) the largest violation of the Karush-Kuhn-Tucker conditions, as a share of the perturbation's length: the
    least distortion is proved to within that share. 0 where the distortion is 0, or proved to be infinite."""


@of_numpy_too
def exact_linear_distortion(
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    targets: torch.Tensor | None = None,
) -> ExactDistortion:
    """Return the exact least distortion at which ``argmax(weight x + bias)`` is not the label, or is the target.

    The "convex case" of section 4.1. The images read as class t are a polyhedron, with a half-space
    ``(w_t - w_j) . x + b_t - b_j >= 0`` for each rival j. With ``targets`` the image is projected on that polyhedron
    and the box. Without, only the label is a rival, and more rivals only add to what counts as misread: so the nearest
    misread image is the nearest over t of the projections on one half-space and the box. All are solved through their
    duals in float64, and ``residual`` proves each from its primal and dual values, whatever the solver did: about
    1e-12, up to 1e-9 where the box clips every value; a row above 1e-6 is not settled.

    The distortion is the infimum: at it, classes tie. Images misread from the start (slip "misread from the start"): 0
    without targets; a target costs nothing only where it is what is read already.

    ``weight``: (k, m); ``bias``: (k,) or None; ``images``: (n, ...) in [0, 1] with m values each; ``labels`` and
    ``targets``: (n,) integers. Raises :class:`InputError` for images, labels, targets or weights that do not fit.
    """
    check_images(images)
    for name, values in (("the weight", weight), ("the bias", bias)):
        if values is not None:
            _check_numbers(name, values)
    if weight.dim() != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        shape = None if bias is None else tuple(bias.shape)
        raise InputError(f"the weight's shape is {tuple(weight.shape)}, the bias's {shape}; give (k, m) and (k,)")
    rows = images.detach().double().flatten(1)
    if rows.shape[1] != weight.shape[1]:
        raise InputError(f"an image has {rows.shape[1]} values, the weight takes {weight.shape[1]}: they must agree")
    check_labels(labels, len(weight), count=len(images))
    if targets is not None:
        check_targets(targets, labels, classes=len(weight))
    weights, biases = _of_size_one(weight, bias)
    labels = labels.long().to(rows.device)
    held = rows.shape[1] * (1 if targets is None else len(weight) - 1)
    parts = torch.arange(len(rows), device=rows.device).split(rows_at_once(held, arrays=_ARRAYS))
    if targets is None:
        found = [_nearest(weights, biases, rows=rows[part], labels=labels[part]) for part in parts]
    else:
        targets = targets.long().to(rows.device)
        found = [_targeted(weights, biases, rows=rows[part], targets=targets[part]) for part in parts]
    size, step, target, wrong = (torch.cat(values) for values in zip(*found, strict=True))
    return ExactDistortion(size, step.reshape(images.shape), target, wrong)


def exact_distances(
    weight: torch.Tensor, bias: torch.Tensor | None, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the ``distortion`` (n,) of :func:`exact_linear_distortion` without targets, and without its proof: fast.

    The input is not checked.
    """
    if images.device.type != "cpu":
        return exact_linear_distortion(weight, bias, images, labels).distortion
    weights, biases = _of_size_one(weight, bias)
    apart = torch.cdist(weights, weights, compute_mode="donot_use_mm_for_euclid_dist")
    sizes = []
    at_once = rows_at_once(images[0].numel(), arrays=_ARRAYS, most=BATCH, device=images.device)
    for rows, own in zip(images.flatten(1).split(at_once), labels.split(at_once), strict=True):
        values = rows.double()
        logits = values @ weights.T + biases
        gaps, bounds = _before_the_box(weights, biases, logits=logits, rows=values, labels=own, apart=apart)
        bounds, order = bounds.sort(dim=1)
        size = torch.where(logits.argmax(dim=1) == own, torch.inf, 0.0).double()
        problem = (values, weights, own, gaps, bounds, order, size)
        nearest_half_space(*(value.contiguous().numpy() for value in problem))
        sizes.append(size)
    scale: float = images[0].numel() ** 0.5
    return torch.cat(sizes) / scale


def _check_numbers(name: str, values: torch.Tensor) -> None:
    check_dense(name, values)
    if values.is_complex():
        raise InputError(f"{name}'s dtype is {values.dtype}; give real numbers")
    if not values.isfinite().all():
        raise InputError(f"{name} holds NaN or infinity; every value must be finite")


def _of_size_one(weight: torch.Tensor, bias: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both in float64, times a power of two that leaves a largest weight of about 1: what is read is the same,
    and squares of very large or small weights are numbers."""
    weights = weight.detach().double()
    biases = weights.new_zeros(len(weights)) if bias is None else bias.detach().double()
    exponent = torch.frexp(weights.abs().amax()).exponent.clamp(-1000, 1000)
    return torch.ldexp(weights, -exponent), torch.ldexp(biases, -exponent)


def _before_the_box(
    weight: torch.Tensor,
    bias: torch.Tensor,
    *,
    logits: torch.Tensor,
    rows: torch.Tensor,
    labels: torch.Tensor,
    apart: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return by how much the labels lead each class (n, k), and the distance at which it leads, without the box.

    ``apart``: (k, k) how far the classes' weights are apart. Of classes that tie the first is read. So a later one is
    not reached where it ties at the image and no step within the box makes it lead, nor anywhere where its weights and
    bias are the label's.
    """
    own, classes = labels[:, None], len(weight)
    gaps = logits.gather(1, own) - logits
    alike = apart[labels] == 0
    gaps = torch.where(alike, bias[own] - bias, gaps)  # of the same weights: sums in another order may say otherwise
    bounds = torch.where(gaps > 0, gaps / apart[labels], 0).scatter(1, own, torch.inf)
    ties = (gaps == 0) & (torch.arange(classes, device=labels.device) > own)
    bounds.masked_fill_(ties & alike, torch.inf)
    for pair in (ties & ~alike).nonzero().split(rows_at_once(rows.shape[1], arrays=_ARRAYS)):
        row, rival = pair.T
        able = _can_lead(weight[rival] - weight[labels[row]], rows[row])
        bounds[row, rival] = torch.where(able, bounds[row, rival], torch.inf)
    return gaps, bounds


def _can_lead(normals: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return whether from images (p, m) where two classes tie a step within the box goes along ``normals`` (p, m)."""
    return ((normals > 0) & (rows < 1) | (normals < 0) & (rows > 0)).any(dim=1)


_Part = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]  # distortion, perturbation, target, residual


def _targeted(weight: torch.Tensor, bias: torch.Tensor, *, rows: torch.Tensor, targets: torch.Tensor) -> _Part:
    rivals = torch.arange(len(weight) - 1, device=rows.device).expand(len(rows), -1)
    rivals = rivals + (rivals >= targets[:, None])  # every class but the target
    logits = rows @ weight.T + bias
    gaps = logits.gather(1, rivals) - logits.gather(1, targets[:, None])
    normals = weight[targets][:, None] - weight[rivals]
    alike = (normals == 0).all(dim=2)
    if alike.any():  # sums in another order may say otherwise
        gaps = torch.where(alike, bias[rivals] - bias[targets[:, None]], gaps)
    row, place = ((gaps == 0) & (rivals < targets[:, None])).nonzero(as_tuple=True)
    if len(row):  # of classes that tie the first is read: where that cannot change, a lack that no step makes up for
        gaps[row, place] = torch.where(_can_lead(normals[row, place], rows[row]), 0, 1).to(gaps)
    polyhedra = Polyhedra(rows, normals, gaps)
    found = project_exactly(polyhedra)
    step = found.step * found.reachable[:, None]
    exact = torch.where(found.reachable, distortion(step), torch.inf)
    return exact, step, targets, residual(polyhedra, found)


def _nearest(weight: torch.Tensor, bias: torch.Tensor, *, rows: torch.Tensor, labels: torch.Tensor) -> _Part:
    logits = rows @ weight.T + bias
    apart = torch.cdist(weight, weight, compute_mode="donot_use_mm_for_euclid_dist")
    # what each class costs at least: the distance to its half-space without the box, later the value of its dual
    gaps, least = _before_the_box(weight, bias, logits=logits, rows=rows, labels=labels, apart=apart)
    bounds, order = least.sort(dim=1)
    read = logits.argmax(dim=1)
    misread = read != labels
    size = torch.full_like(bounds[:, 0], torch.inf).masked_fill(misread, 0)
    step, target, wrong = torch.zeros_like(rows), torch.where(misread, read, labels), torch.zeros_like(size)
    for rank in range(logits.shape[1] - 1):
        active = (bounds[:, rank] < size).nonzero()[:, 0]
        if not len(active):
            break
        rival, origin = order[active, rank], take(rows, active)
        normals = (weight[rival] - weight[labels[active]])[:, None]
        half_spaces = Polyhedra(origin, normals, gaps[active, rival][:, None])
        found = _one_half_space(half_spaces)
        violated = residual(half_spaces, found)
        least[active, rival] = _proved(half_spaces, found, violated=violated)
        length = torch.where(found.reachable, found.step.norm(dim=1), torch.inf)
        nearer = length < size[active]
        chosen = active[nearer]
        size[chosen], target[chosen], step[chosen] = length[nearer], rival[nearer], found.step[nearer]
        wrong[chosen] = violated[nearer]
    # no other class may be nearer
    nearest = torch.where(size > 0, 1 - least.amin(dim=1) / size, 0).nan_to_num(0)
    exact = torch.where(torch.isfinite(size), distortion(step), torch.inf)
    return exact, step, target, wrong.maximum(nearest)


def _one_half_space(polyhedra: Polyhedra) -> ExactProjection:
    """Project on a single half-space, whose dual has one multiplier: Newton's iteration ends in finitely many steps."""
    origin, normal = polyhedra.origin, polyhedra.normals[:, 0]
    level = dot(normal, origin) + polyhedra.gaps[:, 0]
    _, multiplier = row_work("auto", origin.device).project(origin, normal, level=level)
    reachable = torch.isfinite(multiplier)
    # a half-space that touches the box at a corner alone is reached there, whatever rounding makes of it
    corner = torch.where(normal > 0, 1 - origin, torch.where(normal < 0, -origin, 0))
    touched = ~reachable & (polyhedra.gaps[:, 0] - dot(normal, corner) <= EASED * polyhedra.gaps[:, 0].abs())
    to_the_corner = torch.where(normal != 0, corner / normal, 0).amax(dim=1)
    multiplier = torch.where(touched, to_the_corner, torch.where(reachable, multiplier, 1.0))  # any proves none
    reachable |= touched
    step = (multiplier[:, None] * normal).maximum(-origin).minimum(1 - origin)
    return ExactProjection(step, multiplier[:, None], reachable)


def _proved(polyhedra: Polyhedra, found: ExactProjection, *, violated: torch.Tensor) -> torch.Tensor:
    """Return the length (n,) below which no step enters the half-space, from the multipliers alone."""
    length = (2 * dual(polyhedra, found.multipliers)).clamp_min(0).sqrt()
    return torch.where(found.reachable, length, torch.where(violated == 0, torch.inf, 0.0))
