import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import jacrev

from blindspots.device import one_thread
from blindspots.errors import InputError
from blindspots.networks.contrast_normalisation import ContrastNormalisation
from blindspots.spectral.rules.response_normalisation import neighbours_factor
from blindspots.spectral.rules.rules import layer_bound


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with one_thread():  # these are small: a second thread costs more than it saves, on a busy machine ten times over
        yield


NUMBERS = st.floats(-10, 10).map(lambda value: round(value, 3))


def jacobian_norm(layer, x):
    jacobian = jacrev(lambda values: layer(values[None]).flatten())(x).flatten(1)
    return float(torch.linalg.matrix_norm(jacobian, 2))


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(NUMBERS, min_size=10, max_size=10),
    scale=st.sampled_from([0.01, 0.1, 1.0, 10.0]),
    size=st.integers(1, 9),
    alpha=st.sampled_from([1e-4, 1.0, 30.0]),
    beta=st.sampled_from([0.0, 0.1, 0.5, 0.75, 1.0, 4.0, 20.0]),
    k=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_no_jacobian_of_response_normalisation_is_above_its_bound(values, scale, size, alpha, beta, k):
    layer = nn.LocalResponseNorm(size, alpha, beta, k)
    bound = layer_bound(layer, (10, 1))
    norm = jacobian_norm(layer, scale * torch.tensor(values, dtype=torch.float64)[:, None])
    assert norm <= bound.upper * (1 + 1e-12)
    assert bound.lower == pytest.approx(k**-beta, rel=1e-12)
    most = 1.3782 if size % 2 else 1.5204
    assert bound.upper <= bound.lower * min(most, 1 + 2 * beta * math.sqrt(size)) * (1 + 1e-12)


@pytest.mark.parametrize("beta", [0.05, 0.5, 0.75, 2.0, 20.0])
@pytest.mark.parametrize("size", [2, 3, 5, 8, 11])
def test_the_factor_of_neighbours_is_the_largest_column_of_schur_s_test(size, beta):
    # the column sum itself, of the proof, climbed from many starts: never above, and at odd sizes up to it
    before, behind = size // 2, (size - 1) // 2
    places, power = torch.arange(size), 2 * beta
    apart = places - places[:, None]
    near = ((apart >= -before) & (apart <= behind)).double()
    start = torch.randn(100, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    logs = (2 * start - math.log(1 + beta)).requires_grad_()
    optimiser = torch.optim.Adam([logs], lr=0.2)
    best = 0.0
    for _ in range(100):
        squares = logs.exp()
        total = squares @ near.T
        falling = (1 + total) ** -power * (1 + power * total / (1 + total))
        column = falling[:, behind] + (squares * power * falling / (1 + total)).sum(dim=1)
        best = max(best, float(column.detach().max()))
        (logs.grad,) = torch.autograd.grad(-column.sum(), logs)
        optimiser.step()
    factor = neighbours_factor(beta, symmetric=size % 2 == 1)
    assert best <= factor**2 * (1 + 1e-12)
    assert best >= factor**2 * (0.999 if size % 2 else 0.8)


def test_krizhevsky_s_response_normalisation_is_bounded_well_below_the_fallback():
    bound = layer_bound(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0), (96, 27, 27))
    assert bound.lower == pytest.approx(0.5946, abs=1e-4)
    assert bound.upper == pytest.approx(0.7124, abs=1e-4)  # the slip "contrast normalisation"'s fallback: 2.589
    assert not bound.tight


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(NUMBERS, min_size=6, max_size=6),
    scale=st.sampled_from([0.01, 0.1, 1.0]),
    eps=st.floats(0.1, 3),
    gamma=st.floats(0, 20),
    groups=st.sampled_from([None, 1, 3]),
)
def test_contrast_normalisation_is_bounded_for_every_gamma(values, scale, eps, gamma, groups):
    layer, x = ContrastNormalisation(eps, gamma, groups=groups), scale * torch.tensor(values, dtype=torch.float64)
    bound = layer_bound(layer, (3, 2))
    assert bound.upper == pytest.approx(eps**-gamma, rel=1e-9)
    assert jacobian_norm(layer, x.view(3, 2)) <= bound.upper * (1 + 1e-9)
    assert jacobian_norm(layer, torch.zeros(3, 2, dtype=torch.float64)) >= bound.lower * (1 - 1e-9)


def test_contrast_normalisation_is_the_paper_s_formula():
    x = torch.randn(4, 6, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = ContrastNormalisation(0.3, 0.8)(x)
    torch.testing.assert_close(whole[1], x[1] / (0.3 + x[1].square().sum()) ** 0.8)
    grouped = ContrastNormalisation(0.3, 0.8, groups=3)(x)
    torch.testing.assert_close(grouped[2, 2:4], x[2, 2:4] / (0.3 + x[2, 2:4].square().sum()) ** 0.8)


def test_contrast_normalisation_refuses_what_it_cannot_use():
    for wrong in ({"eps": 0.0}, {"eps": math.nan}, {"gamma": -1.0}, {"gamma": math.inf}, {"groups": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            ContrastNormalisation(**wrong)
    with pytest.raises(InputError, match="multiple of the 4 groups"):
        ContrastNormalisation(groups=4)(torch.zeros(1, 6))
    with pytest.raises(InputError, match="channels"):
        ContrastNormalisation()(torch.zeros(6))
