"""The widespread AlexNet (Krizhevsky, 2014): the network of torchvision's pretrained weights."""

import torch
from torch import nn

from blindspots.errors import InputError

CHANNEL_MEAN, CHANNEL_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's pixels in [0, 1], by channel: red, green, blue."""

CODES = 256 * 6 * 6
"""Values that the convolutions hand to the fully connected layers, in both AlexNets."""


class AlexNet(nn.Module):
    """Convolutions of 64, 192, 384, 256 and 256 maps, no groups, no response normalisation; images in, logits out.

    Not the network of the paper's Table 5, which is :class:`~blindspots.networks.alexnet_2012.AlexNet2012` (slip "two
    AlexNets"), but the one whose weights are at hand everywhere. Takes images (n, 3, height, width) in [0, 1], red
    first, usually of 224 x 224 and of 63 x 63 at least; normalises them by :data:`CHANNEL_MEAN` and
    :data:`CHANNEL_STD`, as its weights expect; returns (n, ``classes``). The parameters have the names that
    torchvision's have, and the constants of the normalisation are no part of the state dict. The weights are those of
    torch's own random draws.

    ``classes``: how many logits; None leaves the fully connected layers out, and the network returns the (n, 9216)
    values before them: for weights of the convolutions alone.
    """

    input_shape = (3, 224, 224)
    """Channels, height and width of the images that the weights are trained on."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, classes: int | None = 1000) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(CHANNEL_MEAN).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(CHANNEL_STD).view(-1, 1, 1), persistent=False)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = classifier(classes)

    @property
    def input_scale(self) -> torch.Tensor:
        """What a channel of the image is multiplied by before the first convolution (3,): 1 / std."""
        return 1 / self.std.flatten()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, classes) of images (n, 3, height, width) in [0, 1]."""
        maps = self.avgpool(self.features((images - self.mean) / self.std))
        logits: torch.Tensor = self.classifier(torch.flatten(maps, 1))
        return logits


def classifier(classes: int | None) -> nn.Module:
    """Return the three fully connected layers of both AlexNets, with dropout; for None a module that does nothing."""
    if classes is None:
        return nn.Identity()
    return nn.Sequential(
        nn.Dropout(),
        nn.Linear(CODES, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, classes),
    )


def per_pixel_kernel(kernel: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return the first layer's ``kernel`` (D, C, height, width) with the input's ``scale`` (C,) in it, in float64.

    A convolution of images that are multiplied by a number per channel is the convolution of the images as they are by
    this kernel: its norm is that of the layer per unit of a pixel in [0, 1]. What normalisation adds to the images
    moves the outputs alone, at the zeros of the padding as elsewhere. Raises :class:`InputError` where the two don't
    fit.
    """
    if kernel.dim() != 4 or scale.shape != kernel.shape[1:2]:
        raise InputError(
            f"a scale of shape {tuple(scale.shape)} for a kernel of shape {tuple(kernel.shape)}: "
            "(outputs, channels, height, width) and a number per channel are wanted"
        )
    return kernel.detach().double() * scale.detach().double().view(1, -1, 1, 1)
