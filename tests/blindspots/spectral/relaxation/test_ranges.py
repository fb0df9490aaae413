import pytest
import torch

from blindspots.spectral.relaxation.ball import Box
from blindspots.spectral.relaxation.ranges import Forms, ranges
from tests.blindspots.spectral.relaxation.networks import dense, pooled, read, residual


def moved(images, radius, count, seed):
    """Images of the ball and the box, many at its border."""
    made = torch.Generator().manual_seed(seed)
    change = torch.randn(count, *images.shape, generator=made, dtype=torch.float64)
    share = torch.rand(count, len(images), generator=made, dtype=torch.float64).pow(0.2)
    length = change.flatten(2).norm(dim=2)
    return (images + change * (radius * share / length).reshape(count, -1, *[1] * (images.dim() - 1))).clamp(0, 1)


@pytest.mark.parametrize(
    ("model", "shape"), [(dense(0, (4, 6, 5, 3)), (4,)), (pooled(1), (1, 6, 6)), (residual(2), (3,))]
)
@pytest.mark.parametrize("radius", [0.05, 0.6])
def test_every_input_of_a_rectifier_is_within(model, shape, radius):
    network = read(model, shape)
    images = torch.rand(3, *shape, dtype=torch.float64)
    reach = torch.full((3,), radius, dtype=torch.float64)
    box, forms = Box.around(images), Forms(network)
    wide = ranges(network, forms, box, reach)
    near = ranges(network, forms, box, reach * 0.9, wide)
    points = moved(images, radius, 400, 1)
    values = network.values(points.flatten(0, 1))
    for place in network.rectifiers:
        inputs = values[network.nodes[place].inputs[0]].unflatten(0, points.shape[:2])
        low, high = wide[place]
        assert (low <= inputs.amin(0)).all()
        assert (high >= inputs.amax(0)).all()
        assert (near[place][0] >= wide[place][0]).all()
        assert (near[place][1] <= wide[place][1]).all()


def test_they_are_exact_where_nothing_is_rectified_before():
    network = read(dense(0, (4, 6, 3)), (4,))
    images = torch.full((1, 4), 0.5, dtype=torch.float64)
    place = network.rectifiers[0]
    low, high = ranges(network, Forms(network), Box.around(images), torch.tensor([0.4], dtype=torch.float64))[place]
    layer = network.nodes[1].maps[0].weight
    middle, spread = network.nodes[1].constant + images @ layer.T, 0.4 * layer.norm(dim=1)
    on_both = (middle.abs() < spread)[0]
    assert on_both.any()
    torch.testing.assert_close(low[0, on_both], (middle - spread)[0, on_both], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(high[0, on_both], (middle + spread)[0, on_both], rtol=1e-6, atol=1e-6)


def test_what_is_known_is_kept():
    network = read(dense(0, (4, 6, 3)), (4,))
    place = network.rectifiers[0]
    box, reach = Box.around(torch.full((1, 4), 0.5, dtype=torch.float64)), torch.full((1,), 0.4, dtype=torch.float64)
    forms = Forms(network)
    near = ranges(network, forms, box, reach)[place]
    known = near[0] / 2, near[1] / 2
    kept = ranges(network, forms, box, reach, {place: known})[place]
    assert (kept[0] >= known[0]).all()
    assert (kept[1] <= known[1]).all()


def test_forms_are_held_once(monkeypatch):
    network = read(dense(0, (4, 6, 3)), (4,))
    forms = Forms(network)
    columns = torch.tensor([4, 1])
    first = forms.of(1, columns)
    torch.testing.assert_close(first.image[0], network.nodes[1].maps[0].weight[columns])
    monkeypatch.setattr("blindspots.spectral.relaxation.ranges.backwards_from_values", None)
    assert torch.equal(forms.of(1, columns).image, first.image)
    assert forms.of(3, columns[1:]) is None
