"""The networks that are known by name, and how weights of theirs are told from others'."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blindspots.errors import InputError
from blindspots.registry import Registry, deferred
from blindspots.study.pictures_spec import Interpolation

if TYPE_CHECKING:
    import torch
    from torch import nn

PACKAGES = "BLINDSPOTS_NETWORKS"
"""The environment's variable that names packages, with commas between them, whose functions a study may name."""

_CLASSES = 1000  # where the last layer does not say it: then its weights fit none


@dataclass(frozen=True)
class PublicWeights:
    """Weights that anyone can have."""

    address: str
    sha256: str
    """Of the file, or its first digits."""


@dataclass(frozen=True)
class Pictures:
    """What a network's pictures are, beside their size: how those were made that it was trained and measured on."""

    crop: float
    """Side of the central square, as a share of the picture's shorter side."""
    interpolation: Interpolation
    """How the square is resized."""


@dataclass(frozen=True)
class KnownNetwork:
    """An architecture that people have weights of."""

    name: str
    """What users and metadata call it."""
    title: str
    """What it is, in one line."""
    make: "Callable[..., nn.Module] | Callable[..., Any]"
    """Takes the number of classes and returns the network; for None without the layers in ``head``."""
    input_shape: tuple[int, int, int]
    """Channels, height and width of the images that it is made for."""
    first: tuple[str, tuple[int, ...]]
    """A weight that no other known network has, by name and shape: the first kernel that is like no other's."""
    head: tuple[str, ...]
    """The layers behind the convolutions, from the first on, which a file may lack."""
    pictures: Pictures
    """What its images are cut out of a picture by."""
    least: int | None = None
    """The least height and width of an image; None where it takes no other size than ``input_shape``."""
    public: PublicWeights | None = None
    """Weights of it, trained on ImageNet."""

    def recognises(self, weights: "Mapping[str, torch.Tensor]") -> bool:
        """Tell whether ``weights`` are of this network, by one of them."""
        name, shape = self.first
        return name in weights and tuple(weights[name].shape) == shape

    def classes(self, weights: "Mapping[str, torch.Tensor]") -> int | None:
        """Return how many classes ``weights`` tell apart; None where they lack all of the head."""
        if not any(name.startswith(f"{layer}.") for layer in self.head for name in weights):
            return None
        last = weights.get(f"{self.head[-1]}.weight")
        return len(last) if last is not None and last.dim() == 2 and len(last) else _CLASSES

    def checked(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return ``shape`` of an image where the network takes it; else raise :class:`InputError`."""
        channels = self.input_shape[0]
        if self.least is None:
            fits, wanted = tuple(shape) == self.input_shape, str(self.input_shape)
        else:
            fits = len(shape) == 3 and shape[0] == channels and min(shape[1:]) >= self.least
            wanted = f"({channels}, height, width), of {self.least} x {self.least} at least"
        if not fits:
            raise InputError(f"input_shape = {tuple(shape)}: {self.name} takes images of {wanted}")
        depth, height, width = shape
        return depth, height, width


def allowed_packages() -> tuple[str, ...]:
    """Return the packages that the environment names, whose functions a study may name as networks: none by default.

    Whoever starts a run, or the workers of one, says this; no study and no form can.
    """
    return tuple(name.strip() for name in os.environ.get(PACKAGES, "").split(",") if name.strip())


_FULLY_CONNECTED = ("classifier.1", "classifier.4", "classifier.6")

NETWORKS: Registry[KnownNetwork] = Registry(
    "network",
    KnownNetwork(
        name="alexnet",
        title="the widespread AlexNet: 64-192-384-256-256 maps, no groups, no response normalisation",
        make=deferred("blindspots.networks.alexnet:AlexNet"),
        input_shape=(3, 224, 224),
        first=("features.0.weight", (64, 3, 11, 11)),
        head=_FULLY_CONNECTED,
        pictures=Pictures(224 / 256, "bilinear"),
        least=63,
        public=PublicWeights(
            "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
            "7be5be79",  # which the file's name carries
        ),
    ),
    KnownNetwork(
        name="alexnet-2012",
        title="the AlexNet of 2012: 96-256-384-384-256 maps, two groups, response normalisation",
        make=deferred("blindspots.networks.alexnet_2012:AlexNet2012"),
        input_shape=(3, 227, 227),
        first=("features.0.weight", (96, 3, 11, 11)),
        head=_FULLY_CONNECTED,
        pictures=Pictures(227 / 256, "bilinear"),
    ),
    KnownNetwork(
        name="efficientnet-lite0",
        title="EfficientNet-Lite0: 16 blocks of depthwise convolutions, rectified at 6",
        make=deferred("blindspots.networks.efficientnet_lite:EfficientNetLite0"),
        input_shape=(3, 224, 224),
        first=("_blocks.3._depthwise_conv.weight", (144, 1, 5, 5)),
        head=("_fc",),
        pictures=Pictures(224 / 256, "bicubic"),
        least=32,
    ),
    KnownNetwork(
        name="efficientnet-lite1",
        title="EfficientNet-Lite1: 21 blocks of depthwise convolutions, rectified at 6",
        make=deferred("blindspots.networks.efficientnet_lite:EfficientNetLite1"),
        input_shape=(3, 240, 240),
        first=("_blocks.3._depthwise_conv.weight", (144, 1, 3, 3)),
        head=("_fc",),
        pictures=Pictures(240 / 272, "bicubic"),
        least=32,
    ),
)
