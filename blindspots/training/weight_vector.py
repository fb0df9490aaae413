"""All weights and biases of a network in one vector, layer by layer: weights (outputs, inputs), then biases."""

from collections.abc import Sequence

import torch

Shape = tuple[int, int]
"""Outputs and inputs of a layer."""


def split(vector: torch.Tensor, shapes: Sequence[Shape]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return views of every layer's weights (outputs, inputs) and biases (outputs,) in ``vector`` (p,)."""
    parts, start = [], 0
    for outputs, inputs in shapes:
        middle = start + outputs * inputs
        parts.append((vector[start:middle].view(outputs, inputs), vector[middle : middle + outputs]))
        start = middle + outputs
    if start != len(vector):
        raise ValueError(f"{len(vector)} weights do not fit layers that have {start}")
    return parts
