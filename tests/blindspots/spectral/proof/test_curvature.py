import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.spectral.proof.curvature import _least, sigmoid_ranges


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
