"""Which layers a model runs through, where that can be read off it."""

from torch import nn

from blindspots.networks.convolutional import Convolutional
from blindspots.networks.fully_connected import FullyConnected

_KEPT = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def unrolled(model: nn.Module) -> list[nn.Module] | None:
    """Return the layers that ``model`` runs through in order in evaluation mode, or None where that isn't known.

    Known are :class:`torch.nn.Sequential`, nested or not, the package's own networks, and a layer by itself.
    Dropout and identities do nothing and are left out. A module with hooks or a forward pass of its own is unknown.
    """
    if not _plain(model):
        return None
    if isinstance(model, FullyConnected | Convolutional) and type(model) in (FullyConnected, Convolutional):
        return unrolled(model.layers)
    if type(model) is not nn.Sequential:
        return [] if type(model) in _KEPT else [model]
    result: list[nn.Module] = []
    for part in model:
        layers = unrolled(part)
        if layers is None:
            return None
        result += layers
    return result


def _plain(module: nn.Module) -> bool:
    return not (module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))
