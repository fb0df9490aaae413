"""Definitions of networks: modules that take images in [0, 1], return logits and own their input's normalisation."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.networks.alexnet import AlexNet
    from blindspots.networks.alexnet_2012 import AlexNet2012
    from blindspots.networks.build import build_network, initialise, network_for
    from blindspots.networks.contrast_normalisation import ContrastNormalisation
    from blindspots.networks.convolutional import Convolutional
    from blindspots.networks.efficientnet_lite import EfficientNetLite, EfficientNetLite0, EfficientNetLite1
    from blindspots.networks.fully_connected import FullyConnected
    from blindspots.networks.known import NETWORKS, PACKAGES, KnownNetwork
    from blindspots.networks.local_filtering import LocalFiltering
    from blindspots.networks.offered import named_network
    from blindspots.networks.quocnet import L2Pooling, LocalContrastNormalisation, QuocNet
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "NETWORKS": "blindspots.networks.known",
            "PACKAGES": "blindspots.networks.known",
            "AlexNet": "blindspots.networks.alexnet",
            "AlexNet2012": "blindspots.networks.alexnet_2012",
            "ContrastNormalisation": "blindspots.networks.contrast_normalisation",
            "Convolutional": "blindspots.networks.convolutional",
            "EfficientNetLite": "blindspots.networks.efficientnet_lite",
            "EfficientNetLite0": "blindspots.networks.efficientnet_lite",
            "EfficientNetLite1": "blindspots.networks.efficientnet_lite",
            "FullyConnected": "blindspots.networks.fully_connected",
            "KnownNetwork": "blindspots.networks.known",
            "L2Pooling": "blindspots.networks.quocnet",
            "LocalContrastNormalisation": "blindspots.networks.quocnet",
            "LocalFiltering": "blindspots.networks.local_filtering",
            "QuocNet": "blindspots.networks.quocnet",
            "build_network": "blindspots.networks.build",
            "initialise": "blindspots.networks.build",
            "named_network": "blindspots.networks.offered",
            "network_for": "blindspots.networks.build",
        },
    )

__all__ = [
    "NETWORKS",
    "PACKAGES",
    "AlexNet",
    "AlexNet2012",
    "ContrastNormalisation",
    "Convolutional",
    "EfficientNetLite",
    "EfficientNetLite0",
    "EfficientNetLite1",
    "FullyConnected",
    "KnownNetwork",
    "L2Pooling",
    "LocalContrastNormalisation",
    "LocalFiltering",
    "QuocNet",
    "build_network",
    "initialise",
    "named_network",
    "network_for",
]
