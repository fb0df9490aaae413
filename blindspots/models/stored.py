"""A model out of a store: its network, with the weights that lie there."""

from collections.abc import Sequence

from torch import nn

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.networks.build import network_for
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.weights import load_weights
from blindspots.study.study import Study


def stored_model(
    place: Place, study: Study, dataset: Dataset, name: str, seed: int = 0, *, networks: Sequence[str] = ()
) -> nn.Module:
    """Return a model of ``study`` with its weights, in evaluation mode on the CPU.

    ``networks``: packages whose functions the study may name as networks; their code is run.

    Raises :class:`CorruptShardError` where the weights are missing or damaged, :class:`InputError` where they are those
    of another network.
    """
    spec = study.model(name)
    network = network_for(spec, shape=dataset.shape, classes=dataset.classes, packages=networks)
    key = layout.weights(name, seed)
    weights = load_weights(place, key)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        said = str(error).splitlines()[0]
        raise InputError(
            f"the weights in {place.path(key)} are not those of {name}: {said}; make them with: blindspots run"
        ) from None
    return network.eval().requires_grad_(False)
