"""A layer's live units, and the images that come first along a direction."""

import numpy as np
import pytest
import torch

from blindspots.errors import InputError
from blindspots.units.layer import LayerActivations, top_images


def outputs(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_dead_units_are_counted_and_left_out() -> None:
    values = outputs(20, 5).relu()
    values[:, 1] = 0.7  # answers to all alike
    values[:, 3] = 0
    values[:2, 3] = 1  # answers to fewer than are wanted
    layer = LayerActivations.of(values, top=3)
    assert layer.live.tolist() == [0, 2, 4]
    assert (layer.count, layer.dead, layer.size) == (3, 2, 5)
    torch.testing.assert_close(layer.along_units(np.array([1])), values[:, [2]])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (torch.ones(20, 5), "the layer has 0 live units of 5 on 20 images: 2 at least are wanted"),
        (outputs(20, 1), "1 live units of 1"),
        (outputs(3, 5), "3 images are too few for the 3"),
        (outputs(20, 5).index_fill(1, torch.tensor([0]), torch.inf), "not finite"),
    ],
)
def test_what_has_no_units_is_refused(values: torch.Tensor, said: str) -> None:
    with pytest.raises(InputError, match=said):
        LayerActivations.of(values, top=3)


def test_a_score_is_the_inner_product_with_the_flattened_activation() -> None:
    values = outputs(10, 2, 3, 2)
    layer = LayerActivations.of(values, top=3)
    directions = np.random.default_rng(0).standard_normal((12, 4))
    torch.testing.assert_close(
        layer.along(directions), values.flatten(1) @ torch.from_numpy(directions).float(), atol=1e-5, rtol=1e-5
    )


def test_a_map_is_scored_by_its_maximum_over_places() -> None:
    values = outputs(10, 3, 4, 4)
    layer = LayerActivations.of(values, top=3, maximum=True)
    assert layer.count == 3
    torch.testing.assert_close(layer.along_units(np.arange(3)), values.amax(dim=(2, 3)))
    direction = np.array([[0.6], [-0.8], [0.0]])
    wanted = (0.6 * values[:, 0] - 0.8 * values[:, 1]).amax(dim=(1, 2))
    torch.testing.assert_close(layer.along(direction)[:, 0], wanted)


def test_values_without_maps_have_no_maximum() -> None:
    with pytest.raises(InputError, match="no maps"):
        LayerActivations.of(outputs(10, 3), top=3, maximum=True)


def test_an_image_without_activation_keeps_its_zeros() -> None:
    values = outputs(10, 4)
    values[3] = 0
    lengths = LayerActivations.of(values, top=3).lengths
    assert lengths[3] == 1
    torch.testing.assert_close(lengths[0], values[0].norm())


def test_directions_in_the_span_are_scored_as_those_of_all_dimensions_are() -> None:
    """Where there are far more units than images, by the moments of the scores over many rotations."""
    values = outputs(6, 80)
    layer = LayerActivations.of(values, top=2)
    ready = layer.ready(4)
    assert ready.span is not None
    assert ready.span.shape == (6, 6)
    assert layer.ready(79).span is None  # so many directions are not seen through the span
    draw = np.random.default_rng(0)
    for of in (layer, ready):
        scores = torch.stack([of.along_random(4, draw) for _ in range(800)])  # (t, 6, 4)
        second = torch.einsum("tim,tjm->ij", scores, scores) / (800 * 4)
        torch.testing.assert_close(second, values @ values.T / 80, atol=0.15, rtol=0)
        across = torch.einsum("ti,tj->ij", scores[:, :, 0], scores[:, :, 1]) / 800
        assert across.abs().max() < 0.15


def test_top_images_come_first_first() -> None:
    scores = torch.tensor([[0.1, 5.0], [0.9, 4.0], [0.5, 6.0]])
    assert top_images(scores, 2).tolist() == [[1, 2], [2, 0]]


def test_of_equal_scores_those_of_the_first_images_are_taken() -> None:
    scores = torch.zeros(500, 2)
    scores[400:, 0] = 1
    scores[[17, 450], 1] = 2
    assert top_images(scores, 3).tolist() == [[400, 401, 402], [17, 450, 0]]


@pytest.mark.parametrize("maximum", [False, True])
def test_images_are_looked_through_in_parts(monkeypatch: pytest.MonkeyPatch, maximum: bool) -> None:
    outputs = torch.rand(10, 6, 4, generator=torch.Generator().manual_seed(0)) - 0.5
    outputs[:, 0] = 0.25  # dead, as are units that answer to the last image alone
    outputs[:9, 1] = -0.75
    whole = LayerActivations.of(outputs, top=4, maximum=maximum)
    assert 0 < whole.dead < whole.size
    monkeypatch.setattr("blindspots.units.layer.rows_at_once", lambda *_, **__: 3)
    parts = LayerActivations.of(outputs, top=4, maximum=maximum)
    assert parts.live.tolist() == whole.live.tolist()
    outputs[9, 5, 3] = torch.nan
    with pytest.raises(InputError, match="not finite"):
        LayerActivations.of(outputs, top=4, maximum=maximum)
