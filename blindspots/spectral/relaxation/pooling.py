"""Poolings by the maximum as trees of rectifications: a window's values in pairs, ``max(a, b) = b + relu(a - b)``."""

from itertools import product
from math import prod

import torch
from torch import nn

from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.rules.layer_inputs import per_axis

KINDS: dict[type[nn.Module], int] = {nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3}


def windows(layer: nn.Module, before: tuple[int, ...], after: tuple[int, ...]) -> torch.Tensor:
    """Return which values of an input, flat, each window holds: (window's places, outputs) int64.

    What of a window lies outside the input is one of those inside it, which changes no maximum. ``before``, ``after``:
    shapes without the batch. Raises NoRuleError for a layer whose windows are not known.
    """
    assert isinstance(layer, nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d)
    axes = KINDS[type(layer)]
    if layer.return_indices or len(before) != axes + 1:
        raise NoRuleError("a pooling that returns its indices, or of no channels, has no relaxation")
    size, pad, apart = (per_axis(value, axes) for value in (layer.kernel_size, layer.padding, layer.dilation))
    stride = size if layer.stride is None else per_axis(layer.stride, axes)
    numbers = torch.arange(prod(before)).reshape(before)
    inside: list[list[torch.Tensor]] = []
    for axis in range(axes):
        starts = torch.arange(after[axis + 1]) * stride[axis] - pad[axis]
        places = [starts + at * apart[axis] for at in range(size[axis])]
        valid = list(torch.stack(places, 1))
        length = before[axis + 1]
        held = [row[(row >= 0) & (row < length)] for row in valid]
        if any(len(row) == 0 for row in held):
            raise NoRuleError("a pooling of which a window holds padding alone has no relaxation")
        first = torch.stack([row[0] for row in held])
        inside.append([torch.where((place >= 0) & (place < length), place, first) for place in places])
    picked = []
    for at in product(*inside):
        part = numbers
        for axis, chosen in enumerate(at):
            part = part.index_select(axis + 1, chosen)
        picked.append(part.flatten())
    return torch.stack(picked)
