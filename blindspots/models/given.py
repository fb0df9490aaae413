"""Models that a study is given: their weights, and whether they fit the images and classes of its data set."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.models.fetching import fetch_weights
from blindspots.models.loading import Weights, at_rest, check_finite, put_weights
from blindspots.models.state_dict import unwrapped_for
from blindspots.models.weights_file import SUFFIXES, load_weights_file
from blindspots.networks.build import network_for
from blindspots.networks.known import NETWORKS
from blindspots.study.bounds_spec import ALEXNET, PRETRAINED, BoundsSpec
from blindspots.study.model_spec import GIVEN, GivenSpec, ModelSpec
from blindspots.study.part import is_address


def given_file(given: GivenSpec) -> Path:
    """Return the path of the given weights, which are fetched into the cache where they lie at an address.

    Raises :class:`InputError` for a file that is missing, an address where nothing can be had, and another SHA-256
    than the study's.
    """
    if is_address(given.weights):
        return fetch_weights(given.weights, given.sha256)
    path, found = Path(given.weights), file_hash(Path(given.weights))
    if found is None:
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"the file of weights {path} {what}; name one that ends in {', '.join(SUFFIXES)}")
    if not found.startswith(given.sha256):
        raise InputError(
            f"{path} is not the file that was meant: its sha256 is {found}, and given.sha256 is {given.sha256}"
        )
    return path


def given_hash(given: GivenSpec) -> str | None:
    """Return what the given weights are known by before they are read: the SHA-256 of their file; None without one.

    For an address what the study says of it, so that nothing is fetched to know whether work is done.
    """
    return given.sha256 if is_address(given.weights) else file_hash(Path(given.weights))


def given_alexnet(bounds: BoundsSpec) -> GivenSpec:
    """Return where the weights lie that a study names for Table 5; which of the AlexNets they are, they tell."""
    public = NETWORKS[ALEXNET].public
    if bounds.alexnet == PRETRAINED and public is not None:
        return GivenSpec(weights=public.address, sha256=public.sha256)
    return GivenSpec(weights=bounds.alexnet, sha256=bounds.sha256)


def open_given(spec: ModelSpec, *, shape: tuple[int, ...], classes: int, packages: Sequence[str] = ()) -> nn.Module:
    """Return the model that ``spec`` gives, at rest on the CPU; it takes images of ``shape`` and tells ``classes``.

    ``packages``: those whose functions a study may name as networks, a setting of the run. Weights must fit the network
    in every name and shape, and are never rounded.

    Raises :class:`InputError` where the weights cannot be had or read, or do not fit the network, where the network
    does not fit the data, and for a network that cannot be made.
    """
    assert spec.given is not None  # for the type checker: asked for given models alone
    path = given_file(spec.given)
    weights = load_weights_file(path)
    check_finite(weights, path.name)
    _check_known(spec, weights, shape, classes)
    model = network_for(spec, shape=shape, classes=classes, packages=packages)
    name = spec.given.network or spec.network
    put_weights(model, weights, path.name, f"{name} for {classes} classes of images {shape}")
    model = at_rest(model)
    check_fits(model, spec.name, shape=shape, classes=classes)
    return model


def _check_known(spec: ModelSpec, weights: Weights, shape: tuple[int, ...], classes: int) -> None:
    """Raise :class:`InputError` where the known network that ``spec`` names is of other images or classes."""
    if spec.network != GIVEN or spec.given is None or spec.given.network not in NETWORKS:
        return
    network = NETWORKS[spec.given.network]
    try:
        network.checked(shape)
    except InputError as error:
        raise InputError(f"the model {spec.name} does not fit the data set: {error}") from None
    found = network.classes(unwrapped_for(weights, network.recognises) or weights)
    if found != classes:
        what = "no layers that tell classes apart" if found is None else f"{found} classes"
        raise InputError(f"the model {spec.name} has {what}, and the data set has {classes} classes; give another")


def check_fits(model: nn.Module, name: str, *, shape: tuple[int, ...], classes: int) -> None:
    """Raise :class:`InputError` unless ``model``, called ``name``, returns logits of ``classes`` for an image."""
    try:
        with torch.inference_mode():
            logits = model(torch.zeros(1, *shape))
    except Exception as error:  # of code that is not ours
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"the model {name} does not take the data set's images, of shape {shape}: {reason}") from None
    if not isinstance(logits, torch.Tensor) or logits.shape != (1, classes):
        what = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise InputError(
            f"the model {name} returns {what} for one image, and the data set has {classes} classes: "
            f"(1, {classes}) logits are wanted"
        )


def file_hash(path: Path) -> str | None:
    """Return the SHA-256 of a file, read anew only where its size or time changed; None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return _hash(path, stat.st_size, stat.st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=16)
def _hash(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
