"""The AlexNet of 2012 (Krizhevsky, Sutskever, Hinton), which the paper's Table 5 is about."""

import torch
from torch import nn

from blindspots.networks.alexnet import classifier

PIXEL_MEAN = (122.68, 116.67, 104.01)
"""Mean of ImageNet's pixels in [0, 255], by channel: red, green, blue."""

_NEIGHBOURS, _ALPHA, _BETA, _K = 5, 1e-4, 0.75, 2.0


class AlexNet2012(nn.Module):
    """Convolutions of 96, 256, 384, 384 and 256 maps with response normalisation after the first two; logits.

    The second, fourth and fifth convolution have two groups: each half of the maps sees one half of those before, as
    on the two cards of its time (slip "two AlexNets"). Takes images (n, 3, 227, 227) in [0, 1], red first: the paper
    of 2012 says 224, but 55 places of 11 x 11 at stride 4 without padding take 227. They are multiplied by 255 and
    ``mean`` is subtracted, by channel (in 2012 it was a mean image; no norm depends on it). Returns (n, ``classes``).

    ``classes``: how many logits; None leaves the fully connected layers out, as in
    :class:`~blindspots.networks.alexnet.AlexNet`. The parameters are named ``features.0.weight`` (convolutions 0, 4, 8,
    10, 12) and ``classifier.1.weight`` (fully connected 1, 4, 6); the mean is no part of the state dict. The weights
    are those of torch's own random draws.
    """

    input_shape = (3, 227, 227)
    """Channels, height and width of an image."""

    mean: torch.Tensor

    def __init__(self, classes: int | None = 1000, *, mean: tuple[float, float, float] = PIXEL_MEAN) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, 11, stride=4),
            nn.ReLU(),
            response_normalisation(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(96, 256, 5, padding=2, groups=2),
            nn.ReLU(),
            response_normalisation(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.classifier = classifier(classes)

    @property
    def input_scale(self) -> torch.Tensor:
        """What a channel of the image is multiplied by before the first convolution (3,): 255."""
        return torch.full_like(self.mean.flatten(), 255)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, classes) of images (n, 3, 227, 227) in [0, 1]."""
        maps = self.features(images * 255 - self.mean)
        logits: torch.Tensor = self.classifier(torch.flatten(maps, 1))
        return logits


def response_normalisation() -> nn.LocalResponseNorm:
    """Return ``a / (2 + 1e-4 sum a^2)^0.75``, the sum over a map and two on either side of it, as in 2012.

    torch divides its alpha by the number of maps in the sum, so that it is given that many times 1e-4 (slip "contrast
    normalisation").
    """
    return nn.LocalResponseNorm(_NEIGHBOURS, alpha=_ALPHA * _NEIGHBOURS, beta=_BETA, k=_K)
