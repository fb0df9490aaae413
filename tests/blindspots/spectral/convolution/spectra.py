"""Spectra of weights, as the tests of what bounds them want them."""

import torch

from blindspots.spectral.convolution.lag_kernel import lag_kernel, polyphase
from blindspots.spectral.convolution.peak import spectral_peak


def found(weight: torch.Tensor, stride: tuple[int, ...], groups: int = 1):
    lags = lag_kernel(polyphase(weight.double(), stride, (1,) * len(stride), groups))
    return lags, spectral_peak(lags)
