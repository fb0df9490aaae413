"""What a model consists of, once it is taken apart: layers, and the steps from the input to the output."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from blindspots.spectral.graph.arithmetic import Step


@dataclass(frozen=True)
class Layer:
    """One layer of a model, as often as it is used."""

    name: str
    """Its path in the model, or that of the module that calls it and the function; ``#2`` behind its second use."""
    kind: str
    """The class of its module, or the function that no rule is known for."""
    module: nn.Module | None
    """None where no rule is known; ``problem`` says why."""
    input_shape: tuple[int, ...]
    """Without the batch."""
    output_shape: tuple[int, ...]
    problem: str = ""
    folded: nn.Module | None = None
    """Of a batch norm that is all that reads a convolution or a linear layer: the two as one layer."""
    folded_shape: tuple[int, ...] = ()
    """What goes into that."""


@dataclass(frozen=True)
class Graph:
    """A model's layers in the order of the forward pass, and how its output comes from its input."""

    layers: tuple[Layer, ...]
    steps: tuple[Step, ...]
    """The first is the input, the last the output."""
    input_shape: tuple[int, ...]
    largest: float = 0.0
    """Of all absolute values on the way of the images that were sent through: what rounding is a share of."""
    of_two: Callable[[torch.Tensor], Any] | None = field(default=None, compare=False, repr=False)
    """What it makes of two images (2, ...), with all that does not depend on them as it was for those sent through:
    what the bounds are of. To be called in evaluation mode."""
