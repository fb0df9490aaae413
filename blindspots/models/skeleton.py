"""A network with no weights in particular, to read the names and shapes of its layers off it."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from blindspots.networks.build import network_for
from blindspots.networks.known import NETWORKS
from blindspots.study.model_spec import ModelSpec


def model_skeleton(spec: ModelSpec, *, shape: tuple[int, ...], classes: int, packages: Sequence[str] = ()) -> nn.Module:
    """Return the network of ``spec``, in evaluation mode on the CPU; raise :class:`InputError` where it can't be made.

    Others' networks are built as they are: they may compute with what they draw, which a device without memory refuses.
    """

    def make() -> nn.Module:
        return network_for(spec, shape=shape, classes=classes, packages=packages)

    ours = spec.given is None or not spec.given.network or spec.given.network in NETWORKS
    return without_weights(make) if ours else make().eval()


def without_weights(make: Callable[[], nn.Module]) -> nn.Module:
    """Return what one of our own networks is made of, without drawing its weights, which takes longer than all else."""
    with torch.device("meta"):
        made = make()
    for module in made.modules():
        for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            empty = torch.empty(tensor.shape, dtype=tensor.dtype)
            setattr(module, name, nn.Parameter(empty) if isinstance(tensor, nn.Parameter) else empty)
    return made.eval()
