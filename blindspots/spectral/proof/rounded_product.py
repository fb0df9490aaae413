"""A certified lower bound of the least distortion of sequential networks, from their weights."""

import logging
from dataclasses import dataclass
from functools import reduce

import torch
from torch import nn

from blindspots.arguments import of_numpy_too
from blindspots.device import rows_at_once
from blindspots.models.classifier import undisturbed
from blindspots.models.unrolled import unrolled
from blindspots.spectral.matrix.bound import NoRuleError, times
from blindspots.spectral.proof.leads import Allowance, Leads, lead_constants
from blindspots.spectral.proof.rounding import Range, evaluated, is_covered, propagated
from blindspots.spectral.rules.rules import layer_bound

_log = logging.getLogger(__name__)


@of_numpy_too
def lower_bound(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor | None = None
) -> torch.Tensor:
    """Return a distortion below which no perturbation makes ``model`` read another class, or the target.

    With f the logits, y the label and K layers, the last of them linear with the rows w, any class j can overtake y
    only at a distance of at least ``(f_y - f_j) / (||w_y - w_j|| L_1 ... L_(K-1))`` (section 4.3), where
    :func:`blindspots.spectral.rules.rules.layer_bound` gives each layer's constant L. If the last layer isn't linear
    its constant is a factor too, and ``sqrt(2)`` takes the place of ``||w_y - w_j||``. The bound is the least of these
    over j for the nearest rule, the greatest of the analogous ``(f_j - f_t)`` over the target's rivals j for a target
    rule, over ``sqrt(n)``; 0 where the image is misread (or read as the target) already.

    It holds for the model in evaluation mode *as evaluated in its own dtype*: from each gap is taken what rounding may
    add to it anywhere in the box (the standard bound for inner products in any order, through all layers), and norms
    are taken in float64 and rounded up. Arithmetic of less than the dtype's precision (TF32, which is torch's default
    for convolutions on CUDA) and convolutions that aren't sums of products (Winograd's, Fourier's) aren't covered.

    ``images``: (n, ...) in [0, 1], in the model's dtype; ``labels`` and ``targets``: (n,) integers. Returns (n,)
    float64, NaN for a model that :func:`blindspots.models.unrolled.unrolled` does not see through or that has a
    layer whose constant or whose rounding is not known, and for all images where the model itself, evaluated beside its
    layers in float64, is farther off than its rounding allows: then it computes something else, or otherwise.
    """
    return certificate(model, images).bounds(images, labels, targets)


@dataclass(frozen=True)
class Certificate:
    """What a model's weights prove about every image: worked out once, of use for many batches."""

    model: nn.Module
    """Itself, in its own dtype."""
    layers: list[nn.Module]
    """Empty where nothing is known."""
    leads: Leads | None
    """How fast they can change, and what rounding may add to a logit anywhere in the box; None with the layers."""
    rows: int
    """Images evaluated at once."""

    def bounds(self, images: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor | None = None) -> torch.Tensor:
        """Return the lower bounds (n,), as :func:`lower_bound` does."""
        images = images.detach()
        if self.leads is None:
            return images.new_full((len(images),), torch.nan, dtype=torch.float64)
        logits = torch.cat([_logits(self.layers, part) for part in images.split(self.rows)])
        if not self._is_the_model(images, logits):
            return torch.full_like(logits[:, 0], torch.nan)
        radius = self.leads.radius(logits, labels.long(), None if targets is None else targets.long())
        distortion: torch.Tensor = radius / images[0].numel() ** 0.5 * (1 - 1e-9)
        return distortion

    def _is_the_model(self, images: torch.Tensor, logits: torch.Tensor) -> bool:
        """Return whether the model gives the ``logits`` (n, k) of its layers but for the rounding that is proved."""
        assert self.leads is not None
        with undisturbed(self.model, images.device), torch.no_grad():
            own = torch.cat([self.model(part.clone()) for part in images.split(self.rows)])
        off = (own.double() - logits).abs()
        allowed = self.leads.allowance.logits  # the largest float64 where the dtype can overflow: nothing is said there
        beyond = ~(off <= allowed) & (allowed < torch.finfo(torch.float64).max)
        if beyond.any():
            _log.warning(
                "no lower bounds: the model's logits are up to %.3g off those of its layers in float64, and rounding "
                "explains %.3g at most",
                float(off.max()),
                float(self.leads.allowance.logits.min()),
            )
        return not bool(beyond.any())


def certificate(model: nn.Module, images: torch.Tensor) -> Certificate:
    """Return what is proved of ``model`` for images of the shape and dtype of ``images`` (n, ...)."""
    images = images[:1].detach()
    nothing = Certificate(model, [], None, 1)
    layers = unrolled(model)
    if not layers or not all(map(is_covered, layers)):
        return nothing
    values = Range.of_images(images)
    most = values.size.numel()
    constants = []
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d) and values.size.dim() != 4:
            return nothing  # without a channel, torch takes the batch for it
        try:
            constants.append(layer_bound(layer, tuple(values.size.shape[1:])).upper)
        except NoRuleError:
            return nothing
        values = propagated(layer, values, images.dtype)
        most = max(most, values.size.numel())
    if values.size.dim() != 2:
        return nothing
    rounding = Allowance((values.error[0] * (1 + 1e-6)).nan_to_num(torch.inf))
    *before, own = constants
    apart = lead_constants(layers[-1], _logits(layers, images), own=own, before=reduce(times, before, 1.0))
    # a product that is too small for a float64 is no proof that the lead stands still
    leads = Leads(apart.clamp_min(torch.finfo(torch.float64).tiny), rounding)
    return Certificate(model, layers, leads, rows_at_once(most))


def _logits(layers: list[nn.Module], images: torch.Tensor) -> torch.Tensor:
    values = images.double()
    for layer in layers:
        values = evaluated(layer, values)
    return values
