import pytest
import torch

from blindspots.transfer import VARIANTS, Counts, shown
from tests.showing import show


class ReadsTheBrightest(torch.nn.Module):
    """Reads an image as the place of its largest value."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


IMAGES = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.8, 0.1], [0.3, 0.4, 0.9], [0.6, 0.5, 0.0]])
LABELS = torch.tensor([0, 1, 2, 1])  # the last is misread without a perturbation
PERTURBATION = torch.tensor([[-0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.6, 0.0], [-0.4, 0.4, 0.0]])
TARGETS = torch.tensor([1, 2, 0, 1])


def test_what_is_counted() -> None:
    found = show(ReadsTheBrightest(), IMAGES, LABELS, perturbation=PERTURBATION, targets=TARGETS)
    rms = PERTURBATION.square().mean(1).sqrt().sum()
    assert (found.n, found.misread, found.as_target, found.clean_misread) == (4, 2, 2, 1)
    assert found.distortion == pytest.approx(float(rms), rel=1e-6)


def test_images_as_they_are() -> None:
    assert show(ReadsTheBrightest(), IMAGES, LABELS) == Counts(n=4, misread=1, clean_misread=1)


def test_counts_add_up_over_shards() -> None:
    whole = show(ReadsTheBrightest(), IMAGES, LABELS, perturbation=PERTURBATION, targets=TARGETS)
    parts = [
        show(ReadsTheBrightest(), IMAGES[part], LABELS[part], perturbation=PERTURBATION[part], targets=TARGETS[part])
        for part in (slice(0, 1), slice(1, 4))
    ]
    total = parts[0] + parts[1]
    assert (total.n, total.misread, total.as_target, total.clean_misread) == (4, 2, 2, 1)
    assert total.distortion == pytest.approx(whole.distortion, rel=1e-12)


def test_amplified_sets_have_one_distortion_and_clipped_ones_stay_in_the_box() -> None:
    rows = [0, 2, 3]  # a perturbation of nothing has no direction
    for variant in VARIANTS:
        found = shown(IMAGES[rows], PERTURBATION[rows], variant=variant, amplified_to=0.1)
        rms = (found - IMAGES[rows]).square().mean(1).sqrt()
        if variant == "plain":
            torch.testing.assert_close(found, IMAGES[rows] + PERTURBATION[rows], rtol=0, atol=0)
        elif variant == "amplified":
            torch.testing.assert_close(rms, torch.full((3,), 0.1))
        else:
            assert found.min() >= 0
            assert found.max() <= 1
            assert (rms <= 0.1 + 1e-6).all()
    with pytest.raises(ValueError, match="no variant is called 'louder'"):
        shown(IMAGES, PERTURBATION, variant="louder", amplified_to=0.1)
