"""Adam against torch's, and weights that do not depend on how places are shared out."""

import pytest
import torch

from blindspots.study.quocnet_size import QuocNetSize
from blindspots.training.layerwise.descent import initial_state, update, weights_of
from blindspots.training.layerwise.tile import tiles_of

SHAPE = QuocNetSize(height=14, channels=2, fields=(4,), strides=(2,), maps=3, pool=3).shapes[0]


@pytest.mark.parametrize("coding", ["tied", "unit-norm"])
@pytest.mark.parametrize("grid", [(2, 1), (3, 2)])
def test_first_weights_are_the_same_in_whatever_tiles(coding: str, grid: tuple[int, int]) -> None:
    (whole,) = tiles_of(SHAPE)
    expected = initial_state(whole, coding=coding, seed=3, stage=1)
    for tile in tiles_of(SHAPE, *grid):
        for name, tensor in initial_state(tile, coding=coding, seed=3, stage=1).items():
            assert torch.equal(tensor, expected[name][tile.places]), name
    other = initial_state(whole, coding=coding, seed=3, stage=2)
    assert not torch.equal(other["filters"], expected["filters"])


def test_they_are_as_long_as_a_tight_frame_s() -> None:
    (tile,) = tiles_of(SHAPE)
    share = 2 * 14 * 14 / (6 * 6 * 3)
    assert share > 1
    tied = initial_state(tile, coding="tied", seed=0, stage=1)
    torch.testing.assert_close(tied["filters"].norm(dim=-1), torch.ones(6, 6, 3))
    (many,) = tiles_of(QuocNetSize(height=14, channels=1, fields=(4,), strides=(1,), maps=8).shapes[0])
    units = 11 * 11 * 8
    free = initial_state(many, coding="unit-norm", seed=0, stage=1)
    torch.testing.assert_close(free["filters"].norm(dim=-1), torch.ones(11, 11, 8))
    torch.testing.assert_close(free["decoder"].norm(dim=-1), torch.full((11, 11, 8), 14 * 14 / units))
    assert set(weights_of(free)) == {"filters", "decoder"}


def test_it_is_adam() -> None:
    (tile,) = tiles_of(SHAPE)
    state = initial_state(tile, coding="tied", seed=0, stage=1)
    parameter = torch.nn.Parameter(state["filters"].clone())
    adam = torch.optim.Adam([parameter], lr=0.02, betas=(0.9, 0.99), eps=1e-8)
    for step in range(5):
        gradient = torch.randn(tile.filters, generator=torch.Generator().manual_seed(step))
        update(state, {"filters": gradient.clone()}, step=step, rate=0.02)
        parameter.grad = gradient
        adam.step()
    torch.testing.assert_close(state["filters"], parameter.detach(), rtol=1e-5, atol=1e-6)


def test_an_encoder_beside_a_decoder_keeps_its_unit_norm() -> None:
    (tile,) = tiles_of(SHAPE)
    state = initial_state(tile, coding="unit-norm", seed=0, stage=1)
    before = state["filters"].clone()
    update(state, {name: torch.randn(tile.filters) for name in ("filters", "decoder")}, step=0, rate=0.1)
    torch.testing.assert_close(state["filters"].norm(dim=-1), torch.ones(6, 6, 3))
    assert not torch.allclose(state["filters"], before, atol=1e-2)
    assert not torch.allclose(state["decoder"].norm(dim=-1), torch.ones(6, 6, 3), atol=1e-3)
