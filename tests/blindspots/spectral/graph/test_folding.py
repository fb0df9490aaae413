import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from blindspots.spectral.graph.folding import folded
from blindspots.spectral.network import network_bounds
from tests.blindspots.spectral.graph.models import FIRST, Does, drawn, norm


def folding(kind, norm_kind, shape):
    layer = drawn(kind.double(), 1)
    after = drawn(norm_kind.double(), 2)
    return nn.Sequential(layer, after).eval(), shape


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        folding(nn.Linear(5, 6), nn.BatchNorm1d(6), (5,)),
        folding(nn.Conv1d(2, 3, 3, stride=2), nn.BatchNorm1d(3, affine=False), (2, 9)),
        folding(nn.Conv2d(4, 6, 3, padding=1, groups=2), nn.BatchNorm2d(6), (4, 5, 5)),
        folding(parametrizations.weight_norm(nn.Conv2d(4, 6, 3)), nn.BatchNorm2d(6), (4, 5, 5)),
    ],
)
def test_a_folded_norm_beats_the_product_and_holds(model, shape):
    found = network_bounds(model, shape)
    inputs = torch.randn(1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    count = inputs.numel()
    true = torch.linalg.matrix_norm(torch.autograd.functional.jacobian(model, inputs).reshape(-1, count), 2)
    assert true <= found.attrs["product"] < float(found.upper.prod())
    assert found.attrs["product"] == pytest.approx(float(true), rel=1e-6)


def test_a_norm_does_not_fold_where_others_read_its_input_as_well():
    model = Does(lambda m, x: (lambda y: m.n(y) + y)(m.a(x)), a=FIRST, n=drawn(nn.BatchNorm1d(4).double()))
    found = network_bounds(model, (4,))
    assert found.folded.isnull().all()
    assert found.attrs["product"] == pytest.approx(norm(FIRST) * (1 + float(found.upper.sel(layer="n"))))


def test_the_folded_layer_does_what_the_two_do_and_none_is_made_where_a_product_underflows():
    model, shape = folding(nn.Conv1d(2, 3, 3, stride=2), nn.BatchNorm1d(3), (2, 9))
    inputs = torch.randn(4, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    both = folded(model[0], model[1], (3, 4))
    torch.testing.assert_close(both(inputs), model(inputs))
    with torch.no_grad():
        model[0].weight[0, 0, 0] = 1e-200
        model[1].weight[0] = 1e-200
    assert folded(model[0], model[1], (3, 4)) is None
