"""What counts as beyond a boundary."""

import pytest
import torch

from blindspots.distortion.projection.boundary import enough, margin, relative_margin, rounding_margin


@pytest.mark.parametrize(("dtype", "relative"), [(torch.float32, 1e-5), (torch.float64, 1e-9)])
def test_the_margin_is_a_distance_and_the_rounding_of_the_logits(dtype, relative):
    logits = torch.tensor([[3.0, -8.0], [0.5, 0.25]], dtype=dtype)
    norms = torch.tensor([2.0, 10.0], dtype=dtype)
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(rounding_margin(logits), 32 * eps * torch.tensor([8.0, 0.5], dtype=dtype))
    torch.testing.assert_close(relative_margin(norms), relative * norms)
    torch.testing.assert_close(margin(norms, logits), relative * norms + rounding_margin(logits))
    several = margin(norms[:, None] * torch.tensor([1.0, 3.0], dtype=dtype), logits)
    torch.testing.assert_close(several[:, 0], margin(norms, logits))
    torch.testing.assert_close(several[:, 1], margin(3 * norms, logits))


def test_what_was_aimed_at_and_hardly_missed_is_enough():
    aim = torch.tensor([1e-5])
    assert 0 < enough(aim) < aim


def test_a_row_read_in_another_batch_stays_beyond():
    """Logits of the same rows in batches of all sizes differ by less than the margin of their rounding."""
    random = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(784, 100), torch.nn.Sigmoid(), torch.nn.Linear(100, 10))
    for part in model.parameters():
        part.data = torch.randn(part.shape, generator=random)
    rows = torch.rand(64, 784, generator=random)
    whole = model(rows).detach()
    for size in (1, 3, 16):
        other = torch.cat([model(part).detach() for part in rows.split(size)])
        assert ((other - whole).abs().amax(1) <= rounding_margin(whole)).all()
