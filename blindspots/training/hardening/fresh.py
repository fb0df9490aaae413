"""Perturbations made anew for each minibatch at one layer's output: what pools are held against.

A step up the gradient (Goodfellow et al., 2014, by Euclidean length), projected gradient steps (Madry et al., 2017) and
the virtual adversarial direction, which needs no labels (Miyato et al., 2015).
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from blindspots.networks.fully_connected import FullyConnected
from blindspots.randomness import stream
from blindspots.study.pools_spec import HardeningSpec
from blindspots.training.hardening.parts import above, below
from blindspots.training.hardening.perturbing import lengthened, loss_gradient

_STRIDE = 2.5
"""Of all projected steps together, in reaches."""
_PROBE = 0.1
"""Length at which the virtual adversarial direction is sought."""


def fresh_loss(
    network: FullyConnected,
    images: torch.Tensor,
    labels: torch.Tensor,
    logits: torch.Tensor,
    *,
    spec: HardeningSpec,
    seed: int,
    step: int,
) -> torch.Tensor:
    """Return the mean loss of ``images`` perturbed at the layer that ``spec`` names; all layers are trained by it.

    ``logits``: those of the images as they are. Under "virtual" the loss is the divergence from what they say.
    """
    inner, values = above(network, spec.layer), below(network, spec.layer)(images)
    now = values.detach()
    if spec.fresh == "virtual":
        said = log_softmax(logits.detach(), dim=1)
        change = lengthened(now, _virtual(inner, now, said, seed=seed, step=step), spec.reach) - now
        read = log_softmax(inner((values + change).clamp(0, 1)), dim=1)
        return kl_div(read, said, reduction="batchmean", log_target=True)
    if spec.fresh == "gradient":
        change = lengthened(now, loss_gradient(inner, now, labels), spec.reach) - now
    else:
        change = projected(inner, now, labels, reach=spec.reach, steps=spec.steps) - now
    return cross_entropy(inner((values + change).clamp(0, 1)), labels)


def projected(
    inner: nn.Module, values: torch.Tensor, labels: torch.Tensor, *, reach: float, steps: int
) -> torch.Tensor:
    """Return values (n, units) in [0, 1] at most ``reach`` away, after so many steps up the gradient."""
    point = values
    for _ in range(steps):
        point = lengthened(point, loss_gradient(inner, point, labels), _STRIDE * reach / steps)
        point = (values + (point - values).renorm(2, 0, reach)).clamp(0, 1)
    return point


def _virtual(inner: nn.Module, values: torch.Tensor, said: torch.Tensor, *, seed: int, step: int) -> torch.Tensor:
    """Return the gradient (n, units) of the divergence from ``said``, the log probabilities, at a random near point."""
    draw = torch.Generator(device=values.device).manual_seed(stream(seed, "virtual", f"{step}") >> 1)
    noise = torch.randn(values.shape, generator=draw, device=values.device, dtype=values.dtype)
    noise = _PROBE * noise / noise.norm(dim=1, keepdim=True)
    with torch.enable_grad():
        at = noise.requires_grad_()
        read = log_softmax(inner(values + at), dim=1)
        found: torch.Tensor = torch.autograd.grad(kl_div(read, said, reduction="sum", log_target=True), at)[0]
    return found
