"""QuocNet: stages of local filtering, L2 pooling and local contrast normalisation (Le et al. 2011)."""

import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.networks.local_filtering import LocalFiltering
from blindspots.study.quocnet_size import QuocNetSize, StageShape

WHITENING = 9
"""Height and width of the kernel that whitens an image."""
POOLING_EPS = 1e-4
"""What is added under the root of pooling, which has no derivative at 0."""
CONTRAST, CONTRAST_FLOOR = 5, 0.01
"""Height and width of the windows of contrast normalisation, and the least that it divides by."""

_RED_GREEN_BLUE = (0.299, 0.587, 0.114)


class L2Pooling(nn.Module):
    """Return ``sqrt(eps + sum of squares)`` over windows within a map, at stride 1, inside the map."""

    def __init__(self, size: int = 5, *, eps: float = POOLING_EPS) -> None:
        super().__init__()
        self.size, self.eps = size, eps

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return (n, maps, rows - size + 1, columns - size + 1) of ``maps`` (n, maps, rows, columns)."""
        sums = nn.functional.avg_pool2d(maps.square(), self.size, stride=1, divisor_override=1)
        return (sums + self.eps).sqrt()

    def extra_repr(self) -> str:
        """Return what the layer was built from."""
        return f"{self.size}, eps={self.eps}"


class LocalContrastNormalisation(nn.Module):
    """Subtract the mean of the surroundings, over all maps, and divide by their standard deviation, or ``floor``.

    Surroundings: a Gaussian window of ``size``, with a standard deviation of a quarter of that. At the border it is cut
    off and its weights sum to one all the same, so that a constant picture becomes 0 everywhere.
    """

    window: torch.Tensor

    def __init__(self, size: int = CONTRAST, *, floor: float = CONTRAST_FLOOR) -> None:
        super().__init__()
        if size < 1 or size % 2 == 0 or not floor > 0:
            raise InputError(f"size {size} and floor {floor}: an odd size and a floor above 0 are wanted")
        self.size, self.floor = size, floor
        steps = torch.arange(size, dtype=torch.float64) - size // 2
        profile = torch.exp(-0.5 * (steps / (size / 4)).square())
        window = profile[:, None] * profile
        self.register_buffer("window", (window / window.sum()).float()[None, None], persistent=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the normalised ``maps`` (n, maps, rows, columns), of the same shape."""
        inside = self._blurred(torch.ones_like(maps[:1, :1]))
        centred = maps - self._blurred(maps.mean(dim=1, keepdim=True)) / inside
        variance = self._blurred(centred.square().mean(dim=1, keepdim=True)) / inside
        return centred / variance.clamp_min(self.floor**2).sqrt()

    def _blurred(self, maps: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv2d(maps, self.window.to(maps.dtype), padding=self.size // 2)

    def extra_repr(self) -> str:
        """Return what the layer was built from."""
        return f"{self.size}, floor={self.floor}"


class Whitening(nn.Module):
    """Take away what neighbouring pixels have in common: the centre of a ZCA of patches, as a convolution.

    An image is padded by its border's values. A ZCA of whole images would be a matrix of as many rows as an image has
    values, too large from 64 x 64 in colours on; statistics of natural images do not depend on the place, so the row of
    the centre of patches says as much. ``kernel`` and ``mean`` come from :mod:`blindspots.training.layerwise`.
    """

    kernel: torch.Tensor
    mean: torch.Tensor

    def __init__(self, channels: int, size: int = WHITENING) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.empty(channels, channels, size, size))
        self.register_buffer("mean", torch.empty(channels))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the whitened ``images`` (n, channels, height, width), of the same shape."""
        around = (self.kernel.shape[-1] // 2,) * 4
        padded = nn.functional.pad(images - self.mean.view(-1, 1, 1), around, mode="replicate")
        return nn.functional.conv2d(padded, self.kernel)


class Stage(nn.Sequential):
    """One stage: local filtering, L2 pooling, local contrast normalisation."""

    def __init__(self, shape: StageShape) -> None:
        inputs = (shape.channels, shape.height, shape.width)
        super().__init__(
            LocalFiltering(inputs, field=shape.field, maps=shape.maps, stride=shape.stride),
            L2Pooling(shape.pool),
            LocalContrastNormalisation(),
        )


class QuocNet(nn.Module):
    """Features of images by stages that were trained one after another, without labels.

    Takes images (n, channels, height, width) in [0, 1] of the size's own shape and returns the last stage's maps as
    (n, features). It has no logits: a linear classifier on its features has (Figure 6 of the paper). The weights are
    left empty; see :mod:`blindspots.training.layerwise`.
    """

    def __init__(self, size: QuocNetSize) -> None:
        super().__init__()
        self.input_shape = size.input_shape
        self.whitening = Whitening(size.channels)
        self.stages = nn.Sequential(*map(Stage, size.shapes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features (n, features) of ``images`` (n, channels, height, width) in [0, 1]."""
        features: torch.Tensor = self.stages(self.whitening(images))
        return features.flatten(1)


def resized(images: torch.Tensor, size: QuocNetSize) -> torch.Tensor:
    """Return ``images`` (n, channels, height, width) at the height, width and number of channels of ``size``.

    The middle square is taken, and made smaller or larger linearly, with what is lost averaged. Colours become grey by
    their luminance where ``size`` has one channel; raises :class:`InputError` where it has others than the images.
    """
    channels, height, width = images.shape[1:]
    if size.channels == 1 and channels == 3:
        weights = torch.tensor(_RED_GREEN_BLUE, dtype=images.dtype, device=images.device)
        images = (images * weights.view(-1, 1, 1)).sum(dim=1, keepdim=True)
    elif channels != size.channels:
        raise InputError(f"pictures of {channels} channel(s) for a network of {size.channels}; name another size")
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = images[:, :, top : top + side, left : left + side]
    if side == size.height:
        return square.contiguous()
    return nn.functional.interpolate(
        square, size=(size.height, size.height), mode="bilinear", antialias=True, align_corners=False
    ).clamp(0, 1)
