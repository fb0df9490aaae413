"""A model out of a file of weights: which network they belong to, and the network with them in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import nn

from blindspots.datasets.archive import ARCHIVES
from blindspots.errors import InputError
from blindspots.models.fetching import fetch_weights, is_address
from blindspots.models.file_kinds import is_safetensors
from blindspots.models.loading import Weights, at_rest, check_finite, put_weights, some
from blindspots.models.state_dict import unwrapped_for
from blindspots.models.weights_file import load_weights_file
from blindspots.networks.build import build_network
from blindspots.networks.known import NETWORKS, KnownNetwork
from blindspots.networks.offered import called_network, network_address
from blindspots.paths import expanded
from blindspots.store.place import Place
from blindspots.store.weights import read_metadata
from blindspots.study.model_spec import GIVEN, ModelSpec

_IDX_SHAPE = (1, 28, 28)
"""Shape of an image in every data set that has a name."""


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """A network with the weights of a file, in evaluation mode on the CPU."""

    model: nn.Module
    """Takes images (n, ...) in [0, 1]; returns logits, or the values before the layers in ``missing``."""
    input_shape: tuple[int, ...]
    """Of one image."""
    name: str
    """A known network's name, that of a study's model or of an offered network, or ``package.module:function``."""
    missing: tuple[str, ...] = ()
    """Layers of the architecture whose weights the file lacks; the model ends before them."""


def open_model(
    path_or_url: str | Path,
    *,
    network: str | None = None,
    input_shape: tuple[int, ...] | None = None,
    sha256: str | None = None,
) -> OpenedModel:
    """Return the model whose weights a file holds.

    ``path_or_url``: as :func:`~blindspots.models.weights_file.load_weights_file` reads it, or an address on the web,
    for which ``sha256`` is needed (see :func:`~blindspots.models.fetching.fetch_weights`). ``network``: by
    default what the file says that it is: a model that a study of this package trained, by the file's metadata, or one
    of the :data:`~blindspots.networks.known.NETWORKS`, by names and shapes of the weights, also where those behind the
    convolutions are absent. Else such a network's name, the name under which an installed package offers one, or
    ``package.module:function``: a function without arguments that returns the network as a :class:`torch.nn.Module`,
    looked for in the current folder too. Its code is run. ``input_shape`` of an image, without the batch, is needed for
    such a network; for others it is known and may differ where a known network takes images of other sizes.

    Weights must fit the network in every name and shape. They are copied into its dtype where that holds every value
    (float16 in float32), and never rounded.

    Raises :class:`InputError` for what doesn't fit, and weights that are not finite.
    """
    input_shape = None if input_shape is None else _checked(input_shape)
    path = _path(path_or_url, sha256)
    weights = load_weights_file(path)
    check_finite(weights, path.name)
    if network is None:
        metadata = read_metadata(Place.at(path.parent.resolve()), path.name) if is_safetensors(path) else {}
        if "network" in metadata:
            return _of_study(weights, metadata, path.name, input_shape)
        network = _recognised(weights, path.name)
    if network in NETWORKS:
        return _known(NETWORKS[network], weights, path.name, input_shape)
    address = network_address(network)
    if input_shape is None:
        raise InputError(f"input_shape is wanted for the network {network}: that of an image, such as (3, 224, 224)")
    model = called_network(address)
    put_weights(model, weights, path.name, network)
    return OpenedModel(at_rest(model), input_shape, network)


def without_head(opened: OpenedModel) -> nn.Module:
    """Return a known network that ends before the layers of its head: for an AlexNet with pool5, flattened.

    Raises :class:`InputError` for a network that is not known.
    """
    if opened.missing:
        return opened.model
    network = NETWORKS.find(opened.name)
    weights = {
        name: tensor
        for name, tensor in opened.model.state_dict().items()
        if not any(name.startswith(f"{layer}.") for layer in network.head)
    }
    with torch.random.fork_rng(devices=[]):
        model: nn.Module = network.make(None)
    put_weights(model, weights, opened.name, f"{network.name} without its head")
    return at_rest(model)


def _path(path_or_url: str | Path, sha256: str | None) -> Path:
    if is_address(str(path_or_url)):
        return fetch_weights(str(path_or_url), sha256)
    if sha256 is not None:
        raise InputError(f"a sha256 is for an address on the web, and {path_or_url} is a path: leave it out")
    return expanded(path_or_url)


def _checked(shape: object) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, tuple | list) else ()
    if not sizes or any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in sizes):
        raise InputError(
            f"input_shape = {shape!r}: sizes of at least 1 are wanted, without the batch, such as (3, 224, 224)"
        )
    return tuple(sizes)


def _of_study(
    weights: Weights, metadata: Mapping[str, str], file: str, input_shape: tuple[int, ...] | None
) -> OpenedModel:
    """Return a model out of the store of a study; see ``TrainingJob`` for its metadata."""
    name = metadata.get("model", "model")
    try:
        spec = ModelSpec.model_validate({"name": name, **json.loads(metadata["network"])})
    except (ValidationError, ValueError, TypeError):
        raise _no_network(file) from None
    if spec.network == GIVEN:
        raise _no_network(file)
    shape, classes = _of_data(metadata, file)
    if input_shape is not None and input_shape != shape:
        images = f"images of {metadata.get('dataset')} are {shape}"
        raise InputError(f"input_shape = {input_shape}: {images}; leave it out")
    model = build_network(spec, shape=shape, classes=classes)
    put_weights(model, weights, file, name)
    return OpenedModel(at_rest(model), shape, name)


def _no_network(file: str) -> InputError:
    return InputError(f"{file}: its metadata describe no network of a study; name one with network=")


def _of_data(metadata: Mapping[str, str], file: str) -> tuple[tuple[int, ...], int]:
    """Return the shape of an image and how many classes there are in the data set that the metadata speak of."""
    dataset = metadata.get("dataset", "")
    if dataset in ARCHIVES:
        return _IDX_SHAPE, len(ARCHIVES[dataset].classes)
    try:
        shape, classes = (json.loads(metadata[name]) for name in ("input_shape", "classes"))
        return _checked(tuple(shape)), int(classes)
    except (KeyError, ValueError, TypeError):
        raise InputError(
            f"{file}: its metadata name the data set {dataset!r}; known are {', '.join(ARCHIVES)}"
        ) from None


def _recognised(weights: Weights, file: str) -> str:
    """Return the name of the known network that one of the weights tells; :func:`put_weights` compares all the rest."""
    for network in NETWORKS.values():
        if unwrapped_for(weights, network.recognises) is not None:
            return network.name
    raise InputError(
        f"{file}: weights such as {some(list(weights))} are of no network that is known ({', '.join(NETWORKS)}, or a "
        "study's own); name theirs with network='package.module:function' and input_shape"
    )


def _known(network: KnownNetwork, weights: Weights, file: str, input_shape: tuple[int, ...] | None) -> OpenedModel:
    shape = network.checked(network.input_shape if input_shape is None else input_shape)
    weights = unwrapped_for(weights, network.recognises) or weights
    classes = network.classes(weights)
    with torch.random.fork_rng(devices=[]):  # torch draws weights that are of no use; its state stays as it was
        model: nn.Module = network.make(classes)
    put_weights(model, weights, file, network.name)
    return OpenedModel(at_rest(model), shape, network.name, network.head if classes is None else ())
