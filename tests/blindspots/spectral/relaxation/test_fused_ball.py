import torch

from blindspots.spectral.relaxation.ball import Box, least_in_torch, nearest_in_torch
from blindspots.spectral.relaxation.fused_ball import fused_least, fused_nearest, fused_packed


def test_does_what_torch_does_where_values_are_many():
    made = torch.Generator().manual_seed(1)
    box = Box.around(torch.rand(5, 784, generator=made, dtype=torch.float64).round(decimals=1))
    forms = torch.randn(5, 3, 784, generator=made, dtype=torch.float64)
    reach = torch.tensor([0.01, 0.5, 1.5, 5.0, 30.0], dtype=torch.float64)
    edges = box.images, box.low, box.high
    wanted = least_in_torch(forms, box, reach)
    torch.testing.assert_close(fused_least(forms, *edges, reach), wanted, rtol=1e-9, atol=1e-9)
    # not aligned in memory, and with few values
    torch.testing.assert_close(fused_least(forms.mT.contiguous().mT, *edges, reach), wanted, rtol=1e-9, atol=1e-9)
    few = torch.zeros_like(forms[:1])
    few[..., 10:20] = forms[:1, :, :10]
    places = torch.arange(10, 20).expand(3, -1).contiguous()
    torch.testing.assert_close(fused_packed(few[0, :, 10:20], places, *edges, reach), least_in_torch(few, box, reach))
    gaps = torch.tensor([0.0, 1e-3, 1.0, 30.0, 1e4], dtype=torch.float64)
    found, change = fused_nearest(forms[:, 0], gaps, box.low, box.high)
    wanted, other = nearest_in_torch(forms[:, 0], gaps, box)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(change[:4], other[:4], atol=1e-6, rtol=1e-6)
    assert found[0] == 0
    assert found[4] == torch.inf
