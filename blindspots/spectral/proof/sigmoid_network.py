"""Fully connected sigmoid networks, the paper's own on MNIST (section 1), as weights in float64."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

_UNIT = torch.finfo(torch.float64).eps / 2
_FUNCTION_ROUNDINGS = 8
"""Units of rounding that a sigmoid may be off."""


@dataclass(frozen=True)
class SigmoidNetwork:
    """``W_K s(... s(W_1 x + b_1) ...) + b_K`` with s the logistic sigmoid, for rows x (n, m) of flattened images."""

    weights: tuple[torch.Tensor, ...]
    """(units, inputs) of each layer, float64."""
    biases: tuple[torch.Tensor, ...]
    """(units,) of each layer, float64."""
    merged: dict[int, torch.Tensor] = field(default_factory=dict)
    """How far the biases (units,) of some layers may be off, by place: those that others were summed up into."""

    def hidden(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Return what enters the sigmoids of each hidden layer, (n, units), for ``rows`` (n, m)."""
        entering = []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            entering.append(torch.addmm(bias, rows, weight.T))
            rows = torch.sigmoid(entering[-1])
        return entering

    def logits(self, hidden: Sequence[torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, k), from what :meth:`hidden` returned for ``rows``."""
        last = torch.sigmoid(hidden[-1]) if hidden else rows
        return torch.addmm(self.biases[-1], last, self.weights[-1].T)

    def steepness(self, hidden: Sequence[torch.Tensor], lead: torch.Tensor) -> list[torch.Tensor]:
        """Return the gradients of a lead ``lead`` (n, k) of logits by each hidden layer's outputs and by the input.

        One (n, units) for each hidden layer, from the first on, after (n, m) for the input.
        """
        gradients = [lead @ self.weights[-1]]
        for weight, entering in zip(reversed(self.weights[:-1]), reversed(hidden), strict=True):
            gradients.append((gradients[-1] * slope(entering)) @ weight)
        return gradients[::-1]

    def rounding(self) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return what rounding may put off (units,) of each layer's weighted sums, and the norm of a lead's gradient.

        The lead is of one logit over another; the rows lie in [0, 1]. Inner products of n terms in any order are off by
        ``n u / (1 - n u)`` of their absolute terms (Higham 2002, section 3.1), u being the unit of rounding.
        """
        # forwards: what a layer's sums are off, and its outputs, by the sigmoid's slope of at most 1/4
        errors, off = [], torch.zeros_like(self.weights[0][0])
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            size = weight.abs()
            errors.append(size @ off + _terms(weight.shape[1] + 2) * (size.sum(dim=1) + bias.abs()))
            errors[-1] = errors[-1] + self.merged.get(place, 0.0)
            off = errors[-1] / 4 + _FUNCTION_ROUNDINGS * _UNIT
        return errors, self.steepness_off(errors)[0].norm() * (1 + 1e-9)

    def steepness_off(self, errors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return what rounding may put off each gradient that :meth:`steepness` returns for a lead of one logit.

        ``errors``: what the layers' sums may be off.
        """
        # backwards: the gradient's size and what it is off; s' is off by |s''| <= 0.097 < 1/8 times what its sum is off
        largest = 2 * self.weights[-1].abs().amax(dim=0)
        off = [4 * _UNIT * largest]
        for weight, error in zip(reversed(self.weights[:-1]), reversed(errors[:-1]), strict=True):
            size = weight.T.abs()
            slopes_off = error / 8 + _FUNCTION_ROUNDINGS * _UNIT
            off.append(size @ (off[-1] * 0.26 + largest * slopes_off) + _terms(weight.shape[0] + 2) * (size @ largest))
            largest = size @ largest / 4 + off[-1]
        return off[::-1]


def slope(entering: torch.Tensor) -> torch.Tensor:
    """Return the sigmoid's derivative."""
    value = torch.sigmoid(entering)
    return value * (1 - value)


def sigmoid_network(layers: Sequence[nn.Module]) -> SigmoidNetwork | None:
    """Return the network of ``layers`` in order, or None where it is none of linear layers and sigmoids in turn.

    A hyperbolic tangent is a sigmoid in disguise, ``tanh z = 2 s(2 z) - 1``: its factors go to the layers around it,
    and its -1 to the bias of the next, a sum of as many terms as that has inputs, which rounds.
    The first layer has to be linear, and the last: the logits.
    """
    weights: list[torch.Tensor] = []
    biases: list[torch.Tensor] = []
    merged: dict[int, torch.Tensor] = {}
    factor, shift = 1.0, 0.0
    for place, layer in enumerate(layers):
        if place % 2 == 0:
            if type(layer) is not nn.Linear:
                return None
            weight = layer.weight.detach().double()
            bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach().double()
            biases.append(bias + shift * weight.sum(dim=1))
            if shift:
                merged[len(weights)] = _terms(weight.shape[1] + 2) * (bias.abs() + weight.abs().sum(dim=1))
            weights.append(factor * weight)
        elif type(layer) is nn.Tanh:
            weights[-1], biases[-1], factor, shift = 2 * weights[-1], 2 * biases[-1], 2.0, -1.0
            merged.update({at: 2 * off for at, off in merged.items() if at == len(weights) - 1})
        elif type(layer) is nn.Sigmoid:
            factor, shift = 1.0, 0.0
        else:
            return None
    return SigmoidNetwork(tuple(weights), tuple(biases), merged) if len(layers) % 2 else None


def _terms(count: int) -> float:
    return count * _UNIT / (1 - count * _UNIT)
