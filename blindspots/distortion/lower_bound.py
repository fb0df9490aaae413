"""A certified lower bound of the least distortion of fully connected networks, from their weights."""

import torch
from torch import nn

from blindspots.distortion.layers import float64, layers

_CONTRACTION: dict[type[nn.Module], float] = {nn.Sigmoid: 0.25, nn.Tanh: 1.0, nn.ReLU: 1.0}


def lower_bound(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor | None = None
) -> torch.Tensor:
    """Return a distortion below which no perturbation makes ``model`` read another class, or the target.

    With f the logits, y the label and K layers of weights, any class j can overtake y only at a distance of at least
    ``(f_y - f_j) / (||w_y - w_j|| L_1 ... L_(K-1))`` (section 4.3): a sigmoid layer's constant is ``||W|| / 4``
    (slip 11), a hyperbolic tangent's or a rectifier's ``||W||``, and the last layer enters by its difference of
    rows. The bound is the least of these over j for the nearest rule, the greatest of the analogous
    ``(f_j - f_t)`` over the target's rivals j for a target rule, over ``sqrt(n)``; 0 where the image is misread (or
    read as the target) already.

    It holds for the model *as evaluated in its own dtype*: from each gap is taken what rounding may add to it
    anywhere in the box (the standard bound for inner products in any order, through all layers), and norms are taken
    in float64 and rounded up. Arithmetic of less than the dtype's precision (TF32) isn't covered.

    ``images``: (n, ...) in [0, 1]; ``labels`` and ``targets``: (n,) integers. Returns (n,) float64, NaN for a model
    of any other structure than :func:`blindspots.distortion.layers.layers` knows.
    """
    parts = layers(model)
    values = images.detach().double().flatten(1)
    if parts is None:
        return values.new_full((len(values),), torch.nan)
    constant, error = 1.0, torch.zeros_like(values[0])
    reach = torch.ones_like(values[0])  # no activation is larger than this, anywhere in the box
    unit = torch.finfo(images.dtype).eps / 2
    hidden = values
    for part in parts[:-1]:
        if isinstance(part, nn.Linear):
            weight, bias = float64(part)
            constant *= _norm(weight)
            reach, error = _through(weight, bias, reach, error, unit)
            hidden = hidden @ weight.T + bias
        else:
            factor = _CONTRACTION[type(part)]
            constant *= factor
            hidden = part(hidden)
            reach = reach if isinstance(part, nn.ReLU) else torch.ones_like(reach)
            error = factor * error + (0 if isinstance(part, nn.ReLU) else 8 * unit)
    last = parts[-1]
    assert isinstance(last, nn.Linear)
    weight, bias = float64(last)
    _, error = _through(weight, bias, reach, error, unit)
    logits = hidden @ weight.T + bias
    apart = torch.cdist(weight, weight, compute_mode="donot_use_mm_for_euclid_dist") * constant
    apart = apart.clamp_min(torch.finfo(torch.float64).tiny)
    return _radius(logits, error, apart, labels.long(), targets) / values.shape[1] ** 0.5 * (1 - 1e-9)


def _radius(
    logits: torch.Tensor, error: torch.Tensor, apart: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor | None
) -> torch.Tensor:
    """Return the Euclidean radius (n,) from logits (n, k), their errors (k,), the leads' constants (k, k)."""
    own = (labels if targets is None else targets.long())[:, None]
    gaps = logits.gather(1, own) - logits
    if targets is None:
        ratio = (gaps - error[own] - error) / apart[own[:, 0]]
        return ratio.scatter(1, own, torch.inf).amin(dim=1).clamp_min(0)
    ratio = (-gaps - error[own] - error) / apart[own[:, 0]]
    return ratio.scatter(1, own, 0).amax(dim=1).clamp_min(0)


def _norm(weight: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(weight, ord=2)) * (1 + 1e-9)


def _through(
    weight: torch.Tensor, bias: torch.Tensor, reach: torch.Tensor, error: torch.Tensor, unit: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the outputs' largest size and rounding error (d,) from those of a linear layer's inputs (c,)."""
    size = weight.abs()
    largest = size @ (reach + error) + bias.abs()
    terms = (weight.shape[1] + 2) * unit
    return largest, size @ error + terms / (1 - terms) * largest
