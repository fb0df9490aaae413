"""Squares out of pictures, and the order in which they are shown."""

import numpy as np
import pytest
import torch

from blindspots.networks.quocnet import resized
from blindspots.study.quocnet_size import MINI, SIZES
from blindspots.training.layerwise.inputs import batch_rows, squares


def test_squares_are_a_picture_s_own_and_the_first_is_its_middle() -> None:
    size = SIZES[MINI]
    picture = torch.rand(3, 60, 80)
    found = squares(picture, size, count=4, seed=0, example=5)
    assert found.shape == (4, 1, 24, 24)
    torch.testing.assert_close(found[:1], resized(picture[None], size))
    assert torch.equal(squares(picture, size, count=4, seed=0, example=5), found)
    assert torch.equal(squares(picture, size, count=2, seed=0, example=5), found[:2])
    assert not torch.equal(squares(picture, size, count=2, seed=0, example=6)[1], found[1])
    assert not torch.equal(squares(picture, size, count=2, seed=1, example=5)[1], found[1])


def test_squares_of_a_gradient_lie_inside_it_and_show_no_less_than_a_part() -> None:
    ramp = torch.linspace(0, 1, 100).expand(1, 100, 100)
    found = squares(ramp, SIZES[MINI], count=50, seed=0, example=0)
    spread = found.amax((1, 2, 3)) - found.amin((1, 2, 3))
    assert float(spread[0]) > 0.9
    assert 0.35 < float(spread[1:].min()) < 0.5
    assert float(spread[1:].max()) > 0.8


@pytest.mark.parametrize(("rows", "batch"), [(100, 20), (105, 20), (7, 20)])
def test_every_pass_shows_every_input_at_most_once(rows: int, batch: int) -> None:
    size = min(rows, batch)
    a_pass = rows // size
    seen = [
        np.concatenate([batch_rows(rows, batch, seed=0, stage=1, step=n * a_pass + k) for k in range(a_pass)])
        for n in range(2)
    ]
    for found in seen:
        assert len(found) == len(set(found)) == a_pass * size
        assert set(found) <= set(range(rows))
    assert seen[0].tolist() != seen[1].tolist()
    assert batch_rows(rows, batch, seed=0, stage=2, step=0).tolist() != seen[0][:size].tolist()
