import math

import torch

from blindspots.spectral.convolution.estimate import conv_norm_estimate
from blindspots.spectral.convolution.norm import conv_norm


def test_an_estimate_is_near_and_from_below():
    random = torch.Generator().manual_seed(4)
    for shape in ((16, 8, 3, 3), (160, 150, 3, 3)):  # from the peak, and from noise
        weight = torch.randn(shape, generator=random) + 0.3
        arguments = {"input_size": (10, 10), "padding": 1}
        estimate = conv_norm_estimate(weight, **arguments)
        bound = conv_norm(weight, **arguments, dense=0)
        assert bound.lower * (1 - 1e-3) <= estimate.lower <= bound.upper
        assert estimate.upper == math.inf
