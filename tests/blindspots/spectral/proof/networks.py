"""Sigmoid networks that bend, and images of the box around them."""

from itertools import pairwise

import torch
from hypothesis import strategies as st
from torch import nn

DEPTHS = st.sampled_from([(), (6,), (7, 5), (6, 5, 4)])


def drawn(sizes, seed, *, scale=3.0, activation=nn.Sigmoid):
    """A fully connected model whose weights are large enough to bend."""
    random = torch.Generator().manual_seed(seed)
    layers = []
    for inputs, outputs in pairwise(sizes):
        layer = nn.Linear(inputs, outputs).double()
        with torch.no_grad():
            layer.weight.copy_(scale * torch.randn(outputs, inputs, generator=random) / inputs**0.5)
            middle = 0.5 if activation is nn.Sigmoid or not layers else 0.0
            layer.bias.copy_(0.2 * torch.randn(outputs, generator=random) - middle * layer.weight.sum(dim=1))
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


def images(count, size, seed):
    """Some with values at the borders of the box."""
    random = torch.Generator().manual_seed(seed)
    return (1.4 * torch.rand(count, size, generator=random, dtype=torch.float64) - 0.2).clamp(0, 1)


def around(centre, radius, seed, count=4000):
    """Points of the box within ``radius`` of ``centre`` (m,), many of them at that very distance."""
    random = torch.Generator().manual_seed(seed)
    away = torch.randn(count, len(centre), generator=random, dtype=torch.float64)
    away = away * (torch.rand(count, len(centre), generator=random) < 0.6)
    away = away / away.norm(dim=1, keepdim=True).clamp_min(1e-9)
    far = radius * torch.rand(count, 1, generator=random, dtype=torch.float64) ** (1 / 8)
    moved = (centre + far * away).clamp(0, 1)
    # what the box held back is made up for, where it can be
    rest = (centre + (moved - centre) * (far / (moved - centre).norm(dim=1, keepdim=True).clamp_min(1e-9))).clamp(0, 1)
    return torch.where((rest - centre).norm(dim=1, keepdim=True) <= radius, rest, moved)
