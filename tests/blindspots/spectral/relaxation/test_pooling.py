import numpy as np
import pytest
import torch
from torch import nn

from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.relaxation.pooling import windows

POOLS = {
    "of pairs": (nn.MaxPool2d(2), (2, 6, 4)),
    "overlapping, padded": (nn.MaxPool2d((3, 2), (2, 1), (1, 1)), (1, 7, 5)),
    "apart, with what is left over": (nn.MaxPool2d(2, 3, dilation=2, ceil_mode=True), (2, 8, 8)),
    "of one number for both axes": (nn.MaxPool2d((2,), (2,), (1,)), (2, 6, 5)),
    "of rows": (nn.MaxPool1d(3, 2, 1), (3, 8)),
    "of spaces": (nn.MaxPool3d(2, 1), (1, 3, 3, 3)),
}


@pytest.mark.parametrize("name", POOLS)
def test_a_windows_largest_value_is_the_poolings(name):
    layer, shape = POOLS[name]
    values = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    wanted = layer(values)
    index = windows(layer, shape, tuple(wanted.shape[1:]))
    found = values.flatten(1)[:, index].amax(dim=1)
    assert torch.equal(found.reshape(wanted.shape), wanted)


def test_what_is_not_known():
    with pytest.raises(NoRuleError, match="indices"):
        windows(nn.MaxPool2d(2, return_indices=True), (1, 4, 4), (1, 2, 2))
    with pytest.raises(NoRuleError, match="padding alone"):
        windows(nn.MaxPool2d(2, 1, 1, 2), (1, 1, 1), (1, 1, 1))


def test_sizes_may_be_numpys_and_the_stride_none():
    layer = nn.MaxPool2d(np.int64(2))
    wanted = windows(nn.MaxPool2d(2), (1, 4, 4), (1, 2, 2))
    assert torch.equal(windows(layer, (1, 4, 4), (1, 2, 2)), wanted)
    layer.stride = None
    assert torch.equal(windows(layer, (1, 4, 4), (1, 2, 2)), wanted)
