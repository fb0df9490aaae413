import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from blindspots import InputError, device, minimum_distortion
from blindspots.perturbation.eight_bits import in_eight_bits, survives_eight_bits

DTYPES = [torch.float32, torch.float64]


class Threshold(nn.Module):
    """Reads class 1 where the first value is above ``level``, class 2 above a half more; fails in training mode."""

    def __init__(self, level):
        super().__init__()
        self.level = level
        self.calls = []

    def forward(self, images):
        assert not self.training
        self.calls.append(len(images))
        value = images.flatten(1)[:, 0]
        return torch.stack([torch.zeros_like(value), value - self.level, 2 * (value - self.level) - 0.5], dim=1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_level_is_kept_and_halves_go_to_the_even_one(dtype):
    levels = torch.arange(256).to(dtype) / 255
    assert torch.equal(in_eight_bits(levels[None]), levels[None])
    assert in_eight_bits(levels[None]).dtype == dtype
    # of the levels' halves only 1/2 = 127.5 / 255 is a floating-point number
    assert in_eight_bits(torch.full((1, 1), 0.5, dtype=dtype)).item() == torch.tensor(128 / 255, dtype=dtype).item()
    eps = torch.finfo(dtype).eps
    near = torch.tensor([[0.5 - eps / 2, 0.5 + eps]], dtype=dtype)
    assert (255 * in_eight_bits(near)).round().tolist() == [[127, 128]]


@given(seed=st.integers(0, 10**6), dtype=st.sampled_from(DTYPES))
def test_rounding_agrees_with_a_file(seed, dtype):
    images = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    rounded = in_eight_bits(images)
    stored = np.rint(images.numpy().astype(np.float64) * 255).astype(np.uint8)
    assert torch.equal(rounded, torch.from_numpy(stored).to(dtype) / 255)
    assert (rounded - images).abs().max() <= 0.5 / 255 * (1 + 1e-6)
    assert torch.equal(in_eight_bits(rounded), rounded)


def test_rounding_of_what_float32_would_take_for_halves():
    halves = ((np.arange(255) + 0.5) / 255).astype(np.float32)
    near = np.stack([np.nextafter(halves, np.float32(0)), halves, np.nextafter(halves, np.float32(1))])
    stored = np.rint(near.astype(np.float64) * 255)
    assert (stored != np.rint(near * np.float32(255))).any()  # there are such values
    assert np.array_equal((in_eight_bits(torch.from_numpy(near)) * 255).round().numpy(), stored)


@pytest.mark.parametrize("dtype", DTYPES)
def test_survival_is_what_rounding_leaves(dtype, monkeypatch):
    monkeypatch.setattr(device, "BUDGET", 4 * 4)  # chunks of two images with two values
    level = 100.2 / 255
    model = Threshold(level).to(dtype).train()
    # just above the level: rounded down below it; 100.6 is rounded up; 100 is below; 255 is of class 2
    values = torch.tensor([100.3, 100.6, 100.0, 255.0, 100.49], dtype=dtype) / 255
    images = torch.stack([values, torch.zeros_like(values)], dim=1)
    before = images.clone()
    labels = torch.zeros(5, dtype=torch.int64)
    assert survives_eight_bits(model, images, labels).tolist() == [False, True, False, True, False]
    assert model.calls == [2, 2, 1]
    towards = survives_eight_bits(model, images, labels, targets=torch.tensor([1, 1, 1, 1, 2]))
    assert towards.tolist() == [False, True, False, False, False]
    assert survives_eight_bits(model, images, labels, targets=torch.tensor([2, 2, 2, 2, 2])).tolist()[3]
    assert model.training
    assert torch.equal(images, before)


def test_least_distortions_survive_where_a_level_is_small_beside_them():
    random = torch.Generator().manual_seed(0)
    model = nn.Linear(64, 10).requires_grad_(False)
    model.weight.copy_(0.1 * torch.randn(10, 64, generator=random))
    images = (1.6 * torch.rand(200, 64, generator=random) - 0.3).clamp(0, 1)
    labels = model(images).argmax(1)
    found = minimum_distortion(model, images, labels)
    kept = survives_eight_bits(model, found.images, labels)
    expected = model((found.images * 255).round() / 255).argmax(1) != labels
    assert torch.equal(kept, expected)
    assert 0 < kept.sum() < len(kept)


@pytest.mark.parametrize(
    ("images", "labels", "targets", "message"),
    [
        (torch.full((2, 3), 1.5), torch.tensor([0, 0]), None, "image 0 has values"),
        (torch.rand(2, 3), torch.tensor([0, 3]), None, "the label of image 1 is 3"),
        (torch.rand(2, 3), torch.tensor([0, 1]), torch.tensor([1, 1]), "the target of image 1 is its label"),
        (torch.rand(2, 3).double(), torch.tensor([0, 1]), None, "the model's dtype is torch.float32"),
        (np.array([["a"]]), torch.tensor([0, 1]), None, "images is a ndarray"),
    ],
)
def test_refusals(images, labels, targets, message):
    with pytest.raises(InputError, match=message):
        survives_eight_bits(nn.Linear(3, 3), images, labels, targets=targets)
