"""Showing a set to a model: how many of its images are misread (section 4.2 of the paper)."""

from dataclasses import dataclass

import torch

from blindspots.perturbation.amplify import amplified, amplified_towards

VARIANTS = ("plain", "amplified", "amplified-clipped", "amplified-in-box")
"""How a set is shown: as stored; rescaled to one distortion, as Table 4 prints it; rescaled, then clipped to [0, 1];
rescaled so that the distortion is that one after clipping, or as far as the box allows."""


@dataclass(frozen=True)
class Counts:
    """What a model read in a set of shown images."""

    n: int = 0
    misread: int = 0
    """Images not read as their label."""
    as_target: int = 0
    """Images read as the target of their perturbation."""
    clean_misread: int = 0
    """Images that are misread without a perturbation."""
    distortion: float = 0.0
    """Sum over the images of the distortion as shown."""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.n + other.n,
            self.misread + other.misread,
            self.as_target + other.as_target,
            self.clean_misread + other.clean_misread,
            self.distortion + other.distortion,
        )


def shown(images: torch.Tensor, perturbation: torch.Tensor, *, variant: str, amplified_to: float) -> torch.Tensor:
    """Return the images (n, ...) that a model is shown: ``images + perturbation``, or its amplification."""
    if variant == "plain":
        return images + perturbation
    if variant not in VARIANTS:
        raise ValueError(f"no variant is called {variant!r}; there are {', '.join(VARIANTS)}")
    if variant == "amplified-in-box":
        return images + amplified_towards(images, perturbation, to=amplified_to)[0]
    result = images + amplified(perturbation, to=amplified_to)
    return result.clamp(0, 1) if variant == "amplified-clipped" else result


def distortion_of(distorted: torch.Tensor, images: torch.Tensor) -> float:
    """Return the sum of the distortions of ``distorted`` images (n, ...) as they are shown."""
    return float((distorted - images).double().flatten(1).square().mean(1).sqrt().sum())


def counted(
    predicted: torch.Tensor,
    labels: torch.Tensor,
    *,
    clean_predicted: torch.Tensor,
    targets: torch.Tensor | None = None,
    distortion: float = 0.0,
) -> Counts:
    """Count what a model read, ``predicted`` and ``clean_predicted`` (n,), in images with these labels and targets."""
    return Counts(
        n=len(labels),
        misread=int((predicted != labels).sum()),
        as_target=0 if targets is None else int((predicted == targets).sum()),
        clean_misread=int((clean_predicted != labels).sum()),
        distortion=distortion,
    )
