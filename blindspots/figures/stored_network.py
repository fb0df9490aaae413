"""A trained network out of a store, for the figures that are drawn from weights."""

from torch import nn

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.networks.build import build_network
from blindspots.store.arrays import CorruptShardError
from blindspots.store.layout import Layout
from blindspots.store.weights import load_weights
from blindspots.study.study import Study


def stored_network(study: Study, dataset: Dataset, layout: Layout, model: str, seed: int = 0) -> nn.Module:
    """Return a model of ``study`` with its weights; raise :class:`InputError` where they are missing or of another."""
    network = build_network(study.model(model), shape=dataset.shape, classes=dataset.classes)
    try:
        network.load_state_dict(load_weights(layout.weights(model, seed)))
    except (CorruptShardError, RuntimeError) as error:
        said = str(error).splitlines()[0]
        raise InputError(f"the weights of {model} cannot be used: {said}; make them with: blindspots run") from None
    return network.eval().requires_grad_(False)
