"""An extractor of features and a linear classifier on them, as one model with two logits."""

import torch
from torch import nn

from blindspots.detectors.linear import Linear


class Detector(nn.Module):
    """Logits (n, 2) of images: those of negative, which is 0, and positive, which is the classifier's score.

    ``extractor`` takes images (n, ...) in [0, 1] and returns features with a row an image.
    """

    weights: torch.Tensor
    bias: torch.Tensor

    def __init__(self, extractor: nn.Module, linear: Linear) -> None:
        super().__init__()
        self.extractor = extractor
        self.register_buffer("weights", torch.from_numpy(linear.weights).float())
        self.register_buffer("bias", torch.tensor(linear.bias).float())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, 2) of ``images``."""
        scores = self.extractor(images).flatten(1) @ self.weights + self.bias
        return torch.stack([torch.zeros_like(scores), scores], dim=1)


@torch.no_grad()
def features_of(extractor: nn.Module, images: torch.Tensor, *, batch: int) -> torch.Tensor:
    """Return the features (n, d) of ``images``, ``batch`` at a time."""
    return torch.cat([extractor(part).flatten(1) for part in images.split(batch)])
