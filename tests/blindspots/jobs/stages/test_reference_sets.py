"""The golden numbers of noise."""

import pytest

from blindspots.jobs.stages import reference_sets as module
from blindspots.perturbation.noise import clipped, gaussian_noise
from tests.fixed import SHAPE, fixed_images

DRAWN = [-0.1510692983865738, 0.028422662988305092, -0.08631405979394913]
"""One value of each image's noise."""
DISTORTION = [0.10014865788704476, 0.09413547919910148, 0.09544926321416307]
CLIPPED = [0.08044728238640401, 0.07171797894448455, 0.08680661047554894]


@pytest.mark.numerics
def test_golden_numbers() -> None:
    """Where one of these moves, ALGORITHM is to be raised, and these numbers with it."""
    images = fixed_images(3)[0].float()
    noise = gaussian_noise((3, *SHAPE), stddev=0.1, seed=0, examples=[0, 5, 17], split="train")
    kept = clipped(images, noise)
    assert module.ALGORITHM == 1
    assert noise[:, 0, 3, 4].tolist() == pytest.approx(DRAWN, rel=1e-6)
    found = [each.double().flatten(1).square().mean(1).sqrt().tolist() for each in (noise, kept)]
    assert found[0] == pytest.approx(DISTORTION, rel=1e-6)
    assert found[1] == pytest.approx(CLIPPED, rel=1e-6)
