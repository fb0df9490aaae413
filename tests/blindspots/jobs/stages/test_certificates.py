"""The golden numbers of certificates."""

import pytest

from blindspots.jobs.stages import certificates as module
from blindspots.spectral.proof.certificate import certified_radius
from tests.fixed import fixed_images, fixed_network, labels_read

GOLDEN = {
    (): [0.0, 0.01482713287834124, 0.015644315508261633, 0.005576710157741906],
    (12,): [0.0, 0.014273080541897088, 0.012539037114885469, 0.013455848830827531],
    (12, 11): [0.0, 0.0161968589075611, 0.011759190424179155, 0.024265702200283047],
}
"""Certified distortions of four images, the first of them misread, by hidden units."""


@pytest.mark.numerics
@pytest.mark.parametrize("hidden", GOLDEN)
def test_golden_numbers(hidden: tuple[int, ...]) -> None:
    """Where one of these moves, ALGORITHM is to be raised, and these numbers with it."""
    images, _ = fixed_images(4)
    model = fixed_network(*hidden)
    found = certified_radius(model, images, labels_read(model, images), method="local")
    assert module.ALGORITHM == 1
    assert found.distortion.tolist() == pytest.approx(GOLDEN[hidden], rel=1e-8)
