"""Showing a set to a model in one go, without a store: what the stage that does it shard by shard is held against."""

import torch

from blindspots.transfer import Counts, counted, distortion_of, shown


@torch.inference_mode()
def show(
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    perturbation: torch.Tensor | None = None,
    targets: torch.Tensor | None = None,
    variant: str = "plain",
    amplified_to: float = 0.1,
) -> Counts:
    """Show ``model`` a set and count.

    ``images``: (n, ...) in [0, 1]; ``labels`` and ``targets``: (n,) integers; ``perturbation``: like ``images``, or
    None for the images themselves.
    """
    clean = model(images).argmax(1)
    if perturbation is None:
        return counted(clean, labels, clean_predicted=clean, targets=targets)
    distorted = shown(images, perturbation, variant=variant, amplified_to=amplified_to)
    distortion = distortion_of(distorted, images)
    return counted(model(distorted).argmax(1), labels, clean_predicted=clean, targets=targets, distortion=distortion)
