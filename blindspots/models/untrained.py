"""A network as it is before any training: what of its behaviour is the architecture's alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from blindspots.networks.build import initialise, network_for
from blindspots.networks.known import KnownNetwork
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


@contextmanager
def _drawn_by(seed: int, name: str) -> Iterator[None]:
    """Let torch draw what ``seed`` decides for a network; its state is afterwards as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, "untrained", name) % _KEYS)
        yield
