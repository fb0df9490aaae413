import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.spectral.proof.curvature import _least, decomposition_off, sigmoid_ranges


@given(point=st.floats(-8, 8), low=st.floats(-8, 8), width=st.floats(0, 9))
def test_the_ranges_of_secants_and_parabolas(point, low, width):
    p, start, end = (torch.tensor([value], dtype=torch.float64) for value in (point, low, low + width))
    (least, most), (hollow, bulge) = sigmoid_ranges(p, start, end)
    z = torch.linspace(low, low + width, 501, dtype=torch.float64)
    away = z - p
    s = torch.sigmoid(p)
    rise = torch.sigmoid(z) - s
    for slope, sign in ((least, 1), (most, -1)):
        assert (sign * (rise - slope * away) * away.sign() >= -1e-15).all()
    for bend, sign in ((hollow, 1), (bulge, -1)):
        assert (sign * (rise - s * (1 - s) * away - bend * away**2 / 2) >= -1e-15).all()
    assert (most - least) <= 0.25 + 1e-6
    assert bulge <= 0.11


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), units=st.integers(1, 6), width=st.sampled_from([0.0, 0.01, 0.2]))
def test_no_form_of_secants_is_larger(seed, units, width):
    random = torch.Generator().manual_seed(seed)
    form, after = torch.randn(2, units, units, generator=random, dtype=torch.float64)
    form = (form + form.T)[None]
    own, low = torch.rand(2, 1, units, generator=random, dtype=torch.float64) - 0.3
    high = low + width
    bound, _ = _least(form, own, (low, high), after)
    for _ in range(50):
        secant = torch.where(torch.rand(units, generator=random) < 0.5, low[0], high[0])
        whole = secant[:, None] * form[0] * secant + torch.diag(own[0])
        assert torch.linalg.eigvalsh(bound[0] - after @ whole @ after.T)[0] >= -1e-9 * float(bound.norm())


def test_what_eigenvectors_are_off_is_seen_and_made_up_for():
    form = torch.randn(3, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    form = form + form.mT
    values, vectors = torch.linalg.eigh(form)
    assert (decomposition_off(form, values, vectors) < 1e-13 * values.abs().amax(dim=1)).all()
    shifted, slanted = values.clone(), vectors.clone()
    shifted[1, 2] += 1e-6
    slanted[2, :, 0] *= 1 + 1e-6
    assert float(decomposition_off(form, shifted, vectors)[1]) == pytest.approx(1e-6, rel=1e-3)
    assert float(decomposition_off(form, values, slanted)[2]) > 2e-6 * float(values[2].abs().amax())


@pytest.mark.parametrize("size", [3, 40, 200])
def test_rounding_is_a_hundredth_of_what_is_allowed(size):
    """Of sums and of eigenvalues, as measured in 80 bits: 1e-9 of the terms is allowed, 1e-11 of eigenvalues."""
    random = torch.Generator().manual_seed(size)
    form, after = torch.randn(2, 1, size, size, generator=random, dtype=torch.float64)
    form = form + form.mT
    values, vectors = torch.linalg.eigh(form)
    assert float(decomposition_off(form, values, vectors)) < 1e-13 * size * float(values.abs().amax())
    diagonal = torch.randn(size, generator=random, dtype=torch.float64)
    left, middle = (part.numpy().astype(np.longdouble) for part in (after[0], diagonal))
    exact = (left * middle) @ left.T
    off = float(np.linalg.norm((((after[0] * diagonal) @ after[0].T).numpy() - exact).astype(np.float64)))
    assert off < 1e-11 * float(diagonal.norm() * after.square().sum())
