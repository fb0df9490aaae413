"""What a fully connected network is made of, read off the module: for what can be said from its weights alone."""

from torch import nn

from blindspots.models.unrolled import unrolled

_ACTIVATIONS = (nn.Sigmoid, nn.ReLU, nn.Tanh)


def layers(model: nn.Module) -> list[nn.Module] | None:
    """Return the linear layers and activations of ``model`` in order, or None if it is built of anything else.

    Known are :class:`torch.nn.Linear`, :class:`torch.nn.Sequential` of flattening, linear layers, sigmoids,
    rectifiers and hyperbolic tangents, nested or not, and the package's own ``FullyConnected``. A module with hooks
    or a subclass may compute something else, and counts as unknown.
    """
    found = [layer for layer in unrolled(model) or [] if not _flattens(layer)]
    known = all(type(layer) in (nn.Linear, *_ACTIVATIONS) for layer in found)
    return found if found and known and isinstance(found[-1], nn.Linear) else None


def sole_linear(model: nn.Module) -> nn.Linear | None:
    """Return the one linear layer that ``model`` consists of, or None."""
    found = layers(model)
    return found[0] if found is not None and len(found) == 1 and isinstance(found[0], nn.Linear) else None


def _flattens(layer: nn.Module) -> bool:
    return type(layer) is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1)
