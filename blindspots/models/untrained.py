"""A network before any training, with random weights or none: what of it is the architecture's alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from blindspots.networks.build import initialise, network_for
from blindspots.networks.known import NETWORKS, KnownNetwork
from blindspots.randomness import stream
from blindspots.study.model_spec import GIVEN, ModelSpec

_KEYS = 2**63


def untrained_model(
    spec: ModelSpec, *, shape: tuple[int, ...], classes: int, seed: int = 0, packages: Sequence[str] = ()
) -> nn.Module:
    """Return the network of ``spec`` with random weights, at rest on the CPU.

    Of a network that the study describes the weights are those that its training begins with; of one that has a name
    they are torch's own draws, decided by ``seed``. Raises :class:`InputError` where the network cannot be made.
    """
    with _drawn_by(seed, spec.name):
        network = network_for(spec, shape=shape, classes=classes, packages=packages)
    if spec.network != GIVEN:
        initialise(network, seed=seed, initial=spec.initial)
    return network.eval().requires_grad_(False)


def untrained_known(network: KnownNetwork, classes: int | None, *, seed: int = 0) -> nn.Module:
    """Return a known network with torch's own draws for weights, decided by ``seed``, at rest on the CPU."""
    with _drawn_by(seed, network.name):
        made: nn.Module = network.make(classes)
    return made.eval().requires_grad_(False)


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


@contextmanager
def _drawn_by(seed: int, name: str) -> Iterator[None]:
    """Let torch draw what ``seed`` decides for a network; its state is afterwards as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, "untrained", name) % _KEYS)
        yield
