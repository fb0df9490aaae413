"""What a fully connected network is made of, read off the module: for what can be said from its weights alone."""

import torch
from torch import nn

from blindspots.networks.fully_connected import FullyConnected

_KEPT = (nn.Identity, nn.Dropout, nn.AlphaDropout)  # in evaluation mode they do nothing
_ACTIVATIONS = (nn.Sigmoid, nn.ReLU, nn.Tanh)


def layers(model: nn.Module) -> list[nn.Module] | None:
    """Return the linear layers and activations of ``model`` in order, or None if it is built of anything else.

    Known are :class:`torch.nn.Linear`, :class:`torch.nn.Sequential` of flattening, linear layers, sigmoids,
    rectifiers and hyperbolic tangents, nested or not, and the package's own ``FullyConnected``. A module with hooks
    or a subclass may compute something else, and counts as unknown.
    """
    found = _unrolled(model)
    if not found or not isinstance(found[-1], nn.Linear):
        return None
    return found


def sole_linear(model: nn.Module) -> nn.Linear | None:
    """Return the one linear layer that ``model`` consists of, or None."""
    found = layers(model)
    return found[0] if found is not None and len(found) == 1 and isinstance(found[0], nn.Linear) else None


def float64(layer: nn.Linear) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a linear layer's weight (d, c) and bias (d,) in float64, zeros where it has none."""
    weight = layer.weight.detach().double()
    return weight, weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach().double()


def _unrolled(module: nn.Module) -> list[nn.Module] | None:
    if module._forward_hooks or module._forward_pre_hooks:
        return None
    if type(module) in _ACTIVATIONS or type(module) is nn.Linear:
        return [module]
    if type(module) in _KEPT or (type(module) is nn.Flatten and (module.start_dim, module.end_dim) == (1, -1)):
        return []
    if type(module) is nn.Sequential:
        return _joined([_unrolled(part) for part in module])
    return _own(module)


def _own(module: nn.Module) -> list[nn.Module] | None:
    """Unroll the package's fully connected network: its layers are a sequence."""
    return _unrolled(module.layers) if type(module) is FullyConnected else None


def _joined(parts: list[list[nn.Module] | None]) -> list[nn.Module] | None:
    result: list[nn.Module] = []
    for part in parts:
        if part is None:
            return None
        result += part
    return result
