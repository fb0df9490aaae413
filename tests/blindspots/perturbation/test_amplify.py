import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq

from blindspots import InputError
from blindspots.perturbation.amplify import amplified, amplified_in_box
from blindspots.perturbation.measure import distortion

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


def drawn(seed, dtype, rows=6, values=40):
    """Images with many values at their bounds, and perturbations of very different sizes with zeros among them."""
    random = torch.Generator().manual_seed(seed)
    images = (2 * torch.rand(rows, 1, values, generator=random, dtype=dtype) - 0.5).clamp(0, 1)
    size = 10.0 ** torch.randint(-12, 3, (rows, 1, 1), generator=random)
    perturbation = size * torch.randn(rows, 1, values, generator=random, dtype=dtype)
    perturbation[torch.rand(rows, 1, values, generator=random) < 0.2] = 0
    return images, perturbation.to(dtype)


def double(row):
    return torch.tensor([row], dtype=torch.float64)


def reach(images, perturbation):
    """The distortion with every value that moves at its bound."""
    end = torch.where(perturbation > 0, 1.0, torch.where(perturbation < 0, 0.0, images.double()))
    return distortion(end - images.double())


@given(seed=st.integers(0, 10**6), share=st.floats(1e-6, 1.0), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_in_the_box_has_the_distortion_asked_for(seed, share, dtype):
    images, perturbation = drawn(seed, dtype)
    to = share * float(reach(images, perturbation).min())
    assume(to > 0)
    larger = amplified_in_box(images, perturbation, to=to)
    assert larger.dtype == dtype
    assert larger.shape == images.shape
    torch.testing.assert_close(
        distortion(larger), torch.full((6,), to, dtype=torch.float64), rtol=TOLERANCE[dtype], atol=0
    )
    distorted = images + larger
    assert distorted.min() >= 0
    assert distorted.max() <= 1
    # along the direction: one scale a row, except where a value is at its bound
    ratio = larger.double() / perturbation.double()
    at_bound = (distorted == 0) | (distorted == 1)
    free = (perturbation != 0) & ~at_bound
    assert not larger[perturbation == 0].any()
    assert (larger * perturbation >= 0).all()
    for row in range(6):
        if free[row].any():
            scale = ratio[row][free[row]]
            assert scale.max() <= scale.min() * (1 + 1e-5)
            clipped = at_bound[row] & (perturbation[row] != 0)
            assert (ratio[row][clipped] <= scale.max() * (1 + 1e-5)).all()


def test_in_the_box_equals_a_root_by_scipy():
    images, perturbation = drawn(3, torch.float64)
    to = 0.2
    larger = amplified_in_box(images, perturbation, to=to)
    for x, r, found in zip(images.numpy(), perturbation.numpy(), larger.numpy(), strict=True):

        def excess(log_scale, x=x, r=r):
            return np.sqrt(np.mean((np.clip(x + np.exp(log_scale) * r, 0, 1) - x) ** 2)) - to

        scale = np.exp(brentq(excess, -20, 60, xtol=1e-13))
        np.testing.assert_allclose(found, np.clip(x + scale * r, 0, 1) - x, rtol=1e-9, atol=1e-12)


def test_in_the_box_is_amplified_where_nothing_is_clipped_and_leaves_zeros():
    images = torch.full((3, 20), 0.5)
    perturbation = torch.randn(3, 20, generator=torch.Generator().manual_seed(0))
    perturbation[1] = 0
    torch.testing.assert_close(amplified_in_box(images, perturbation), amplified(perturbation))
    assert not amplified_in_box(images, perturbation)[1].any()


def test_in_the_box_a_known_answer_and_the_furthest():
    # the first value stops after 0.1; the second has to make up for it
    images, perturbation = double([0.9, 0.5]), double([1.0, 1.0])
    larger = amplified_in_box(images, perturbation, to=0.2)
    torch.testing.assert_close(larger, double([0.1, 0.07**0.5]), rtol=1e-14, atol=0)
    furthest = 0.13**0.5
    larger = amplified_in_box(images, perturbation, to=furthest)
    torch.testing.assert_close(larger, double([0.1, 0.5]), rtol=1e-14, atol=0)
    with pytest.raises(InputError, match=r"image 0 reaches a distortion of 0\.360555 inside \[0, 1\], not 0\.3607"):
        amplified_in_box(images, perturbation, to=0.3607)


GREY = torch.full((2, 3), 0.5)


@pytest.mark.parametrize(
    ("images", "perturbation", "to", "message"),
    [
        (GREY, torch.ones(2, 4), 0.1, r"perturbation is \(2, 4\), torch.float32, the images are \(2, 3\)"),
        (GREY, torch.ones(2, 3).double(), 0.1, "torch.float64, the images are"),
        (GREY + 1, torch.ones(2, 3), 0.1, r"image 0 has values from 1\.5 to 1\.5"),
        (GREY, torch.tensor([[1.0, 1, 1], [1, float("nan"), 1]]), 0.1, "the perturbation of image 1 holds NaN"),
        (GREY, torch.ones(2, 3), 0.0, "to is 0.0"),
        (GREY, torch.tensor([[1.0, 1, 1], [0, 1, 0]]), 0.4, r"image 1 reaches a distortion of 0\.288675"),
        (torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, -1.0]]), 0.1, "image 0 reaches a distortion of 0 inside"),
    ],
)
def test_in_the_box_refuses(images, perturbation, to, message):
    with pytest.raises(InputError, match=message):
        amplified_in_box(images, perturbation, to=to)
