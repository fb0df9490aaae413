import copy

import pytest
import torch

from blindspots.spectral.relaxation.ball import Box
from blindspots.spectral.relaxation.own_rounding import own_errors
from blindspots.spectral.relaxation.ranges import Forms, ranges
from tests.blindspots.spectral.relaxation.networks import dense, pooled, read, residual


@pytest.mark.parametrize(
    ("model", "shape"), [(dense(0, (60, 50, 9)), (60,)), (pooled(1), (1, 6, 6)), (residual(2), (3,))]
)
def test_a_model_in_float32_is_no_farther_off(model, shape):
    single = copy.deepcopy(model).float()
    double = copy.deepcopy(single).double()
    network = read(double, shape)
    images = torch.rand(4, *shape, generator=torch.Generator().manual_seed(0))
    box, reach = Box.around(images.double()), torch.full((4,), 0.5, dtype=torch.float64)
    known = ranges(network, Forms(network), box, reach)
    allowed = own_errors(network, box, reach, known, torch.float32)
    change = torch.randn(500, *images.shape)
    change = 0.49 * change / change.flatten(2).norm(dim=2).reshape(500, 4, *[1] * len(shape))
    points = (images + change).clamp(0, 1).flatten(0, 1)
    with torch.no_grad():
        off = (single(points).double() - double(points.double())).abs().unflatten(0, (500, 4)).amax(0)
    assert (off > 0).any()
    assert (off <= allowed).all()
    assert (allowed < 2000 * off.max()).all()
    # more is allowed where images may go farther
    wide = own_errors(network, box, 2 * reach, ranges(network, Forms(network), box, 2 * reach), torch.float32)
    assert (wide >= allowed).all()


def test_nothing_is_known_where_the_dtype_may_overflow():
    network = read(dense(0, (3, 4, 2)), (3,))
    box, reach = Box.around(torch.rand(1, 3, dtype=torch.float64)), torch.ones(1, dtype=torch.float64)
    known = ranges(network, Forms(network), box, reach)
    assert own_errors(network, box, reach, known, torch.float16).isfinite().all()
    large = read(torch.nn.Sequential(dense(0, (3, 4, 2)), torch.nn.Linear(2, 2).double()), (3,))
    large.nodes[1].maps[0].weight.mul_(1e6)
    known = ranges(large, Forms(large), box, reach)
    assert own_errors(large, box, reach, known, torch.float16).isinf().any()
