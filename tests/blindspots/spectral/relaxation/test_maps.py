import pytest
import torch
from torch import nn

from blindspots.spectral.relaxation.maps import Averaging, Convolution, Dense, Scaled, Selected, rows_of

torch.manual_seed(0)
_one = {"dtype": torch.float64}
MAPS = {
    "dense": (Dense(torch.randn(4, 6, **_one)), (6,)),
    "row": (Convolution(torch.randn(3, 2, 3, **_one), (2,), (1,), (1,), 1, (2, 7)), (2, 7)),
    "plane": (Convolution(torch.randn(4, 1, 3, 2, **_one), (2, 1), (1, 0), (1, 2), 2, (2, 6, 5)), (2, 6, 5)),
    "space": (
        Convolution(torch.randn(2, 1, 2, 2, 2, **_one), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1, (1, 3, 3, 3)),
        (1, 3, 3, 3),
    ),
    "scaled": (Scaled(torch.randn(1, 2, 1, **_one), (2, 3), (2, 3)), (2, 3)),
    "reshaped": (Scaled(torch.tensor(-0.5, **_one), (2, 3), (6,)), (2, 3)),
    "selected": (Selected(torch.tensor([5, 0, 0, 2]), (2, 3), (2, 2), -2.0), (2, 3)),
    "averaging": (Averaging(nn.AvgPool2d(2, 1), (2, 3, 3), (2, 2, 2), 4), (2, 3, 3)),
}


def matrix(one, shape):
    size = torch.Size(shape).numel()
    return one.apply(torch.eye(size, dtype=torch.float64).reshape(size, *shape)).flatten(1).T


@pytest.mark.parametrize("name", MAPS)
def test_the_transpose_and_the_absolute_values(name):
    one, shape = MAPS[name]
    whole = matrix(one, shape)
    outcome = one.apply(torch.zeros(1, *shape, dtype=torch.float64)).shape[1:]
    rows = torch.randn(3, *outcome, dtype=torch.float64)
    back = one.transposed(rows)
    assert back.shape == (3, *shape)
    torch.testing.assert_close(back.flatten(1), rows.flatten(1) @ whole)
    torch.testing.assert_close(matrix(one.absolute(), shape), whole.abs())
    nonzero = whole != 0
    assert one.terms >= max(int(nonzero.sum(0).max()), int(nonzero.sum(1).max()))


@pytest.mark.parametrize("name", MAPS)
def test_the_transpose_has_a_gradient(name):
    one, shape = MAPS[name]
    outcome = one.apply(torch.zeros(1, *shape, dtype=torch.float64)).shape
    rows = torch.randn(outcome, dtype=torch.float64).requires_grad_(True)
    weight = torch.randn(1, *shape, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((one.transposed(rows) * weight).sum(), rows)
    torch.testing.assert_close(gradient, one.apply(weight))


@pytest.mark.parametrize("name", MAPS)
def test_some_rows(name):
    one, shape = MAPS[name]
    whole = matrix(one, shape)
    outcome = tuple(one.apply(torch.zeros(1, *shape, dtype=torch.float64)).shape[1:])
    places = torch.tensor([3, 0, len(whole) - 1, 2])
    found = rows_of(one, places, outcome)
    assert found.shape == (4, *shape)
    torch.testing.assert_close(found.flatten(1), whole[places])
