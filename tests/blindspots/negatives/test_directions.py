"""Random directions, and the points along them against the slower way of staying in the box."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blindspots.negatives.directions import in_box, random_directions
from blindspots.perturbation.amplify import amplified_in_box
from blindspots.perturbation.measure import distortion

TOLERANCE = {torch.float32: 3e-6, torch.float64: 1e-13}


def drawn(seed: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    image = (2 * torch.rand(30, generator=random, dtype=dtype) - 0.5).clamp(0, 1)
    directions = torch.randn(8, 30, generator=random, dtype=dtype)
    directions[torch.rand(8, 30, generator=random) < 0.1] = 0
    return image, directions


@given(
    seed=st.integers(0, 10**6),
    shares=st.lists(st.floats(1e-3, 1.2), min_size=1, max_size=5),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_in_the_box_the_distortion_is_the_one_asked_for(seed: int, shares: list[float], dtype: torch.dtype) -> None:
    """In whatever order the sizes come; along each direction there is one such point, or the box is too small."""
    image, directions = drawn(seed, dtype)
    end = torch.where(directions > 0, 1.0, torch.where(directions < 0, 0.0, image.double()))
    reach = distortion(end - image.double())
    sizes = torch.tensor(shares, dtype=torch.float64) * float(reach.median())
    points, held = in_box(image, directions, sizes)
    assert points.dtype == dtype
    assert float(points.min()) >= 0
    assert float(points.max()) <= 1
    clear = (sizes[:, None] - reach).abs() > 1e-4
    assert torch.equal(held[clear], (sizes[:, None] < reach)[clear])
    for place, size in enumerate(sizes):
        rows = held[place] & clear[place]
        change = points[place][rows] - image
        far = torch.full((int(rows.sum()),), float(size), dtype=torch.float64)
        # a point of the box is a rounded number, and the difference to it has that rounding
        torch.testing.assert_close(distortion(change), far, rtol=TOLERANCE[dtype], atol=torch.finfo(dtype).eps)
        if rows.any():
            slow = amplified_in_box(image.expand(len(far), -1), directions[rows], to=float(size))
            torch.testing.assert_close(change, slow, rtol=1e-4, atol=1e-5)


def test_directions_are_uniform_and_of_one_size() -> None:
    image = torch.full((6,), 0.5)
    directions = torch.cat(list(random_directions(image, 60_000, seed=0, example=1)))
    assert directions.shape == (60_000, 6)
    torch.testing.assert_close(distortion(directions), torch.ones(60_000, dtype=torch.float64), rtol=1e-6, atol=0)
    assert directions.mean(0).abs().max() < 0.02
    torch.testing.assert_close(directions.T @ directions / 60_000, torch.eye(6), rtol=0, atol=0.03)
    assert (directions**4).mean() == pytest.approx(3 * 6 / 8, rel=0.02)  # of the sphere, not of the cube or a Gaussian


def test_a_direction_depends_on_seed_split_and_example_alone() -> None:
    image = torch.zeros(50)

    def of(count: int, **what: object) -> torch.Tensor:
        given = {"seed": 0, "example": 17, "split": "train"} | what
        return torch.cat(list(random_directions(image, count, **given)))

    torch.testing.assert_close(of(20), of(10_000)[:20], rtol=0, atol=0)
    for other in ({"seed": 1}, {"example": 18}, {"split": "test"}):
        assert (of(20) != of(20, **other)).float().mean() > 0.99
    assert (of(20)[1:] != of(20)[:-1]).float().mean() > 0.99
    assert of(2, seed=3).dtype == torch.float32
    double = torch.cat(list(random_directions(image.double(), 20, seed=0, example=17, split="train")))
    torch.testing.assert_close(double.float(), of(20), rtol=1e-6, atol=1e-6)
