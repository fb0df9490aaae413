"""Fully connected networks evaluated from their weights: fewer operations than automatic differentiation needs."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from blindspots.models.classifier import Classifier, Near, Tape, nearest_boundaries
from blindspots.models.layers import layers


@dataclass(frozen=True)
class _Stage:
    weight: torch.Tensor
    """(d, c)."""
    bias: torch.Tensor
    """(d,)."""
    activation: type[nn.Module] | None
    """What follows the linear layer."""


class Layered(Classifier):
    """A model of linear layers and activations; its gradients are products with the weights' transposes."""

    def __init__(self, model: nn.Module, shape: torch.Size, stages: list[_Stage]) -> None:
        """Use :func:`layered`."""
        super().__init__(model, shape)
        self._stages = stages
        self.costly = False
        self.rough = any(stage.activation not in (None, nn.Sigmoid) for stage in stages)
        first = stages[0].weight
        self._gram = first @ first.T

    def evaluate(self, rows: torch.Tensor) -> tuple[torch.Tensor, Tape]:
        """Return the logits (n, k), and the outputs of every hidden layer."""
        values, tape = rows, []
        for stage in self._stages:
            values = torch.addmm(stage.bias, values, stage.weight.T)
            if stage.activation is not None:
                values = _APPLIED[stage.activation](values)
                tape.append(values)
            else:
                tape.append(values.new_empty(0))
        return values, tuple(tape[:-1])

    def pullback(self, tape: Tape, weights: torch.Tensor, *, keep: bool = False) -> torch.Tensor:
        """Return the gradients (n, m) of each row's logits, weighted by ``weights`` (n, k) and summed."""
        return self._to_first(tape, weights) @ self._stages[0].weight

    def pullbacks(self, tape: Tape, weights: torch.Tensor) -> torch.Tensor:
        """Return the gradients (n, c, m) for several ``weights`` (n, c, k) of each row."""
        return self._to_first(tape, weights) @ self._stages[0].weight

    def closest(self, tape: Tape, weights: torch.Tensor, gaps: torch.Tensor, *, within: float) -> Near:
        """Choose the nearest boundaries by the first layer's outputs alone, with W W' for the gradients' norms."""
        inner = self._to_first(tape, weights)
        norms = ((inner @ self._gram) * inner).sum(dim=2).clamp_min(0).sqrt()
        chosen = nearest_boundaries(gaps, norms, within)
        row, column = chosen.nonzero(as_tuple=True)
        return Near(row, column, inner[chosen] @ self._stages[0].weight)

    def _to_first(self, tape: Tape, weights: torch.Tensor) -> torch.Tensor:
        """Go back from the logits to the first layer's outputs: (..., d) from (..., k)."""
        for stage, below, hidden in zip(self._stages[:0:-1], self._stages[-2::-1], tape[::-1], strict=True):
            weights = weights @ stage.weight
            if below.activation is not None:
                outputs = hidden[:, None] if weights.dim() == 3 else hidden
                weights = _DERIVED[below.activation](weights, outputs)
        return weights


_Applied = Callable[..., torch.Tensor]
_APPLIED: dict[type[nn.Module], _Applied] = {
    nn.Sigmoid: torch.sigmoid_,
    nn.Tanh: torch.tanh_,
    nn.ReLU: torch.relu_,
}
# Derivatives from the outputs, fused with the product.
_DERIVED: dict[type[nn.Module], _Applied] = {
    nn.Sigmoid: torch.ops.aten.sigmoid_backward,
    nn.Tanh: torch.ops.aten.tanh_backward,
    nn.ReLU: lambda weights, outputs: torch.ops.aten.threshold_backward(weights, outputs.expand_as(weights), 0),
}


def classifier_of(model: nn.Module, shape: torch.Size) -> Classifier:
    """Return ``model`` as a classifier of rows: from its weights where its structure is known, else as it is."""
    stages = None if any(each.is_meta for each in model.parameters()) else _stages(model)  # meta: without values
    if stages is None or stages[0].weight.shape[1] != shape.numel() or not bool(stages[-1].bias.isfinite().all()):
        return Classifier(model, shape)  # which knows of classes that are masked
    return Layered(model, shape, stages)


def _stages(model: nn.Module) -> list[_Stage] | None:
    """Return linear layers, each with at most one activation behind it, or None for any other order."""
    result: list[_Stage] = []
    for layer in layers(model) or []:
        if isinstance(layer, nn.Linear):
            weight = layer.weight.detach()
            bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach()
            result.append(_Stage(weight, bias, None))
        elif result and result[-1].activation is None:
            result[-1] = _Stage(result[-1].weight, result[-1].bias, type(layer))
        else:
            return None
    return result or None
