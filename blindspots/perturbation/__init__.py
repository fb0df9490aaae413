"""What is done to an image without a search: noise, amplification, 8 bits; and how large a perturbation is."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.perturbation.amplify import amplified, amplified_in_box
    from blindspots.perturbation.eight_bits import in_eight_bits, survives_eight_bits
    from blindspots.perturbation.measure import distortion
    from blindspots.perturbation.noise import clipped, gaussian_noise
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "amplified": "blindspots.perturbation.amplify",
            "amplified_in_box": "blindspots.perturbation.amplify",
            "clipped": "blindspots.perturbation.noise",
            "distortion": "blindspots.perturbation.measure",
            "gaussian_noise": "blindspots.perturbation.noise",
            "in_eight_bits": "blindspots.perturbation.eight_bits",
            "survives_eight_bits": "blindspots.perturbation.eight_bits",
        },
    )

__all__ = [
    "amplified",
    "amplified_in_box",
    "clipped",
    "distortion",
    "gaussian_noise",
    "in_eight_bits",
    "survives_eight_bits",
]
