"""A small problem to train on: three classes of points, some inputs that are always zero."""

import pytest
import torch

Problem = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="session")
def problem() -> Problem:
    """Images (90, 1, 3, 4) in [0, 1], of which two values are zero throughout, and labels (90,)."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    centres = torch.rand(3, 12, generator=random)
    images = (centres[labels] + 0.4 * torch.randn(90, 12, generator=random)).clamp(0, 1)
    images[:, [2, 7]] = 0
    return images.reshape(90, 1, 3, 4), labels
