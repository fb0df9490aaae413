import pytest
import torch

from blindspots.spectral.relaxation.pieces import lead_rows, others
from tests.blindspots.spectral.relaxation.networks import dense, pooled, read, residual


def test_rectifiers_and_what_is_affine_in_the_image():
    network = read(dense(0, (4, 5, 5, 3)), (4,))
    assert network.rectifiers == (2, 4)
    assert network.bent == (False, False, True, True, True, True)
    assert network.effort == 5 * (4 + 5 + 5 + 5)


@pytest.mark.parametrize(("model", "shape"), [(dense(0, (4, 5, 3)), (4,)), (pooled(1), (1, 6, 6)), (residual(2), (3,))])
def test_no_value_is_beyond_its_size(model, shape):
    network = read(model, shape)
    corners = torch.rand(2000, *shape, dtype=torch.float64).round()
    for values, size in zip(network.values(corners), network.sizes, strict=True):
        assert (values.abs() <= size).all()


@pytest.mark.parametrize(
    ("model", "shape"), [(dense(0, (50, 60, 9)), (50,)), (pooled(1), (1, 6, 6)), (residual(2), (3,))]
)
def test_what_is_allowed_is_far_beyond_what_rounding_does(model, shape):
    """Against what rounding each value once, to float32, does to it."""
    network = read(model, shape)
    images = torch.rand(20, *shape, dtype=torch.float64)
    single = [each.float().double() for each in network.values(images)]
    for values, rounded, allowed in zip(network.values(images), single, network.allowances, strict=True):
        assert (allowed > 0).all()
        # a unit of float32 is 2^29 of float64's, and one rounding of a value is less than all on the way to it
        assert ((rounded - values).abs() * 2.0**-29 <= allowed).all()
    assert float(network.allowances[-1].max()) < 1e-7


def test_leads():
    labels = torch.tensor([2, 0])
    assert others(labels, 3).tolist() == [[0, 1], [1, 2]]
    assert lead_rows(labels, torch.tensor([0, 1]), 3).tolist() == [[-1, 0, 1], [1, -1, 0]]
