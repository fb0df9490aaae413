import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blindspots import InputError
from blindspots.perturbation.amplify import amplified
from blindspots.perturbation.measure import distortion
from blindspots.perturbation.noise import clipped, gaussian_noise


def test_noise_depends_on_the_example_alone():
    whole = gaussian_noise((6, 1, 4, 5), stddev=0.1, seed=3, examples=range(6), split="test")
    part = gaussian_noise((2, 1, 4, 5), stddev=0.1, seed=3, examples=torch.tensor([5, 2]), split="test")
    assert torch.equal(part, whole[[5, 2]])
    assert whole.dtype == torch.float32
    assert not torch.equal(whole, gaussian_noise((6, 1, 4, 5), stddev=0.1, seed=4, examples=range(6), split="test"))
    assert not torch.equal(whole, gaussian_noise((6, 1, 4, 5), stddev=0.1, seed=3, examples=range(6), split="train"))


def test_noise_has_its_standard_deviation_and_one_draw():
    small = gaussian_noise((100, 1, 28, 28), stddev=0.1, seed=0, examples=range(100))
    large = gaussian_noise((100, 1, 28, 28), stddev=0.3, seed=0, examples=range(100))
    assert small.std().item() == pytest.approx(0.1, rel=0.02)
    assert abs(small.mean().item()) < 0.002
    torch.testing.assert_close(large, 3 * small)


@given(seed=st.integers(0, 10**6), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_clipped_stays_in_the_box(seed, dtype):
    random = torch.Generator().manual_seed(seed)
    images = (1.5 * torch.rand(3, 30, generator=random, dtype=dtype) - 0.25).clamp(0, 1)
    noise = torch.randn(3, 30, generator=random, dtype=dtype)
    noisy = images + clipped(images, noise)
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    torch.testing.assert_close(noisy, (images + noise).clamp(0, 1))


def test_clipped_refuses_another_shape():
    with pytest.raises(InputError, match=r"\(2, 3\), the images' \(2, 4\)"):
        clipped(torch.zeros(2, 4), torch.zeros(2, 3))


@pytest.mark.parametrize("stddev", [0, -1.0, float("nan"), float("inf"), "much"])
def test_noise_refuses_a_strange_stddev(stddev):
    with pytest.raises(InputError, match=r"stddev is .*; give a number above 0"):
        gaussian_noise((1, 2), stddev=stddev, seed=0, examples=[0])


def test_noise_refuses_ids_that_do_not_fit():
    with pytest.raises(InputError, match=r"has the shape \(3,\); give one id an image, \(2,\)"):
        gaussian_noise((2, 4), stddev=0.1, seed=0, examples=[0, 1, 2])
    with pytest.raises(InputError, match="float64; give integer ids"):
        gaussian_noise((1, 4), stddev=0.1, seed=0, examples=[0.5])
    with pytest.raises(InputError, match="each at least 1"):
        gaussian_noise((0, 4), stddev=0.1, seed=0, examples=[])


def test_distortion_is_the_root_mean_square():
    perturbation = torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]])
    torch.testing.assert_close(distortion(perturbation), torch.tensor([12.5**0.5, 0.0], dtype=torch.float64))


@given(seed=st.integers(0, 10**6), to=st.floats(1e-3, 1.0))
def test_amplified_has_the_distortion_asked_for(seed, to):
    random = torch.Generator().manual_seed(seed)
    size = 10.0 ** torch.randint(-6, 1, (8, 1), generator=random)
    perturbation = size * torch.randn(8, 50, generator=random)
    perturbation[3] = 0
    larger = amplified(perturbation, to=to)
    expected = torch.full((8,), to, dtype=torch.float64)
    expected[3] = 0
    torch.testing.assert_close(distortion(larger), expected, rtol=1e-6, atol=0)
    cosine = torch.nn.functional.cosine_similarity(larger.double(), perturbation.double())
    assert (cosine[expected > 0] > 1 - 1e-9).all()
    assert larger.dtype == torch.float32
    assert torch.equal(larger[3], torch.zeros(50))


def test_amplified_refuses_what_is_no_distortion():
    with pytest.raises(InputError, match="to is 0"):
        amplified(torch.ones(1, 3), to=0)
