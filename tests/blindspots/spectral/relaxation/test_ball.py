import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.spectral.relaxation.ball import Box, least, least_in_torch, nearest, nearest_in_torch


def drawn(seed, images, size, forms):
    made = torch.Generator().manual_seed(seed)
    box = Box.around(torch.rand(images, size, generator=made, dtype=torch.float64).mul(1.4).sub(0.2).clamp(0, 1))
    return box, torch.randn(images, forms, size, generator=made, dtype=torch.float64), made


def brute(form, box, radius, points=20001):
    """The least by the dual, looked for along a fine grid of its number."""
    steep = torch.logspace(-6, 6, points, dtype=torch.float64)
    change = (-steep[:, None] * form).clamp(box.low[0], box.high[0])
    return float((change @ form + (change.square().sum(1) - radius**2) / (2 * steep)).max() + form @ box.images[0])


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), radius=st.sampled_from([1e-6, 0.1, 0.7, 3.0]))
def test_the_least_of_a_form(seed, radius):
    box, forms, made = drawn(seed, 3, 7, 4)
    forms[0, 0] = 0
    reach = torch.full((3,), radius, dtype=torch.float64)
    found = least(forms, box, reach)
    torch.testing.assert_close(found, least_in_torch(forms, box, reach), rtol=1e-9, atol=1e-9)
    assert float(found[1, 2]) == pytest.approx(
        brute(forms[1, 2], box.at(torch.tensor([1])), radius), rel=1e-5, abs=1e-5
    )
    # no image of the ball and the box is below
    moved = torch.randn(500, 1, 7, generator=made, dtype=torch.float64)
    moved = moved / moved.norm(dim=2, keepdim=True) * radius * torch.rand(500, 1, 1, generator=made)
    values = (forms[None] * (box.images + moved.clamp(box.low, box.high))[:, :, None]).sum(3)
    assert (values >= found - 1e-9).all()


def test_the_same_forms_of_all_images_and_those_of_few_values():
    box, forms, _ = drawn(3, 4, 40, 6)
    same = forms[:1].clone()
    reach = torch.rand(4, dtype=torch.float64)
    torch.testing.assert_close(least(same, box, reach), least(same.expand(4, -1, -1), box, reach))
    same[:, :, 5:] = 0
    torch.testing.assert_close(least(same, box, reach), least(same.expand(4, -1, -1), box, reach))
    torch.testing.assert_close(least(0 * same, box, reach), torch.zeros(4, 6, dtype=torch.float64))


def test_the_gradient_is_where_the_least_is():
    box, forms, _ = drawn(5, 2, 6, 3)
    reach = torch.tensor([0.3, 0.9], dtype=torch.float64)
    for way in (least, least_in_torch):
        assert torch.autograd.gradcheck(
            lambda f, way=way: way(f, box, reach), forms.requires_grad_(True), eps=1e-6, atol=1e-5
        )


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), gap=st.sampled_from([-0.1, 1e-9, 0.2, 1.0, 50.0]))
def test_how_far_it_is_to_where_a_form_is_0(seed, gap):
    box, forms, _ = drawn(seed, 4, 6, 1)
    rows, gaps = forms[:, 0], torch.full((4,), gap, dtype=torch.float64)
    distance, change = nearest(rows, gaps, box)
    again, _ = nearest_in_torch(rows, gaps, box)
    torch.testing.assert_close(distance, again)
    there = distance.isfinite()
    torch.testing.assert_close(change.norm(dim=1)[there], distance[there], rtol=1e-6, atol=1e-9)
    assert ((rows * change).sum(1) + gaps <= 1e-9)[there].all()
    lowest = (rows * torch.where(rows > 0, box.low, box.high)).sum(1) + gaps
    assert (there == (lowest <= 0) | (gaps <= 0)).all()
    # the two questions are one: the least within that distance is 0
    if gap > 0 and there.any():
        within = least(forms, box, distance)[:, 0] - (rows * box.images).sum(1) + gaps
        assert within[there].abs().max() <= 1e-6 * (1 + gap)


def test_the_farthest_corner():
    box = Box.around(torch.tensor([[0.2, 1.0], [0.5, 0.5]], dtype=torch.float64))
    assert box.farthest.tolist() == pytest.approx([(0.64 + 1) ** 0.5, 0.5**0.5])
