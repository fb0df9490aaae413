"""The golden numbers of showing a set to a model."""

import pytest
import torch

from blindspots.jobs.stages import pairs as module
from blindspots.transfer import VARIANTS
from tests.fixed import CLASSES, SHAPE, fixed_images, fixed_network, integers, labels_read
from tests.showing import show

GOLDEN = {
    "plain": (40, 10, 1, 5, 2.345503461877619),
    "amplified": (40, 14, 2, 5, 4.0),
    "amplified-clipped": (40, 12, 1, 5, 3.1980929989528137),
    "amplified-in-box": (40, 12, 2, 5, 4.0),
}
"""Images shown, misread, read as the target and misread without a perturbation; the sum of the distortions."""


@pytest.mark.numerics
@pytest.mark.parametrize("variant", VARIANTS)
def test_golden_numbers(variant: str) -> None:
    """Where one of these moves, ALGORITHM is to be raised, and these numbers with it."""
    images, _ = fixed_images(40)
    model = fixed_network(12)
    labels = labels_read(model, images)
    perturbation = torch.from_numpy(integers(30, 40, *SHAPE, low=-64, high=64) / 640)
    found = show(model, images, labels, perturbation=perturbation, targets=(labels + 3) % CLASSES, variant=variant)
    assert module.ALGORITHM == 3
    assert (found.n, found.misread, found.as_target, found.clean_misread) == GOLDEN[variant][:4]
    assert found.distortion == pytest.approx(GOLDEN[variant][4], rel=1e-10)
