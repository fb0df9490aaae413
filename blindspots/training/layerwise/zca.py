"""The kernel that whitens images, from a data set's own (ZCA, of patches)."""

from collections.abc import Iterable

import torch

from blindspots.networks.quocnet import WHITENING, Whitening

FLOOR = 0.001
"""What is added to every variance, as a share of their mean: what is below that is noise, and is not blown up."""


@torch.no_grad()
def whitening(batches: Iterable[torch.Tensor], *, size: int = WHITENING, floor: float = FLOOR) -> Whitening:
    """Return what whitens images like those in ``batches``, each (n, channels, height, width) in [0, 1].

    ``size``: height and width of the patches, odd, all of which are used. A direction of variance v is divided by
    ``sqrt(v + floor * mean variance)``.
    """
    total: torch.Tensor | None = None
    count, channels, sums = 0, 0, torch.zeros(0)
    for images in batches:
        channels = images.shape[1]
        patches = torch.nn.functional.unfold(images.double(), size).transpose(1, 2).flatten(0, 1)
        if total is None:
            total = patches.new_zeros(patches.shape[1], patches.shape[1])
            sums = patches.new_zeros(patches.shape[1])
        total += patches.T @ patches
        sums += patches.sum(dim=0)
        count += len(patches)
    if total is None:
        raise ValueError("there are no images to whiten")
    # one mean a channel: that of a place in the patch is the same, but for the images' borders
    mean = (sums / count).view(channels, -1).mean(dim=1)
    means = mean.repeat_interleave(size * size)
    covariance = (
        total / count - means[:, None] * (sums / count) - (sums / count)[:, None] * means + means[:, None] * means
    )
    variances, directions = torch.linalg.eigh(covariance)
    shrunk = (variances.clamp_min(0) + floor * variances.mean()).rsqrt()
    zca = (directions * shrunk) @ directions.T
    made = Whitening(channels, size)
    centres = torch.arange(channels) * size * size + size * size // 2
    made.kernel.copy_(zca[centres].view(channels, channels, size, size))
    made.mean.copy_(mean)
    return made
