"""What gives features of pictures: a study's QuocNet or models, the pixels, or a network out of a file."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.models.activations import LastCodes
from blindspots.models.given import given_alexnet, given_file
from blindspots.models.opening import open_model, without_head
from blindspots.networks.quocnet import resized
from blindspots.store.place import Place
from blindspots.study.bounds_spec import ALEXNET
from blindspots.study.detector_spec import PIXELS, QUOCNET, ExtractorSpec
from blindspots.study.model_spec import GivenSpec
from blindspots.study.quocnet_spec import QuocNetSpec
from blindspots.study.study import Study
from blindspots.training.layerwise.stored import stored_quocnet


@dataclass(frozen=True)
class Extractor:
    """A network whose outputs are features, and what it sees of a data set's images."""

    network: nn.Module
    sees: Callable[[torch.Tensor], torch.Tensor]
    """Takes images (n, channels, height, width) of the data set, returns those that the network takes, in [0, 1]."""


def extractor_names(study: Study) -> tuple[str, ...]:
    """Return the names of the extractors that a study's detector is trained on."""
    if study.detector is None:
        return ()
    own = () if study.quocnet is None else (QUOCNET,)
    return (PIXELS, *own, *study.feature_models, *(each.name for each in study.detector.extractors))


def named_extractor(study: Study, name: str) -> ExtractorSpec:
    """Return what the study says of an extractor out of a file, or raise :class:`InputError`."""
    for each in () if study.detector is None else study.detector.extractors:
        if each.name == name:
            return each
    known = ", ".join(extractor_names(study)) or "none"
    raise InputError(f"no extractor is called {name!r} in the study {study.name}; there are: {known}")


def extractor(study: Study, place: Place, name: str, *, shape: tuple[int, ...]) -> Extractor:
    """Return an extractor of a study, whose store is in ``place``, for images of ``shape``; not one of its models.

    Raises :class:`InputError` where the weights cannot be had or do not take such images.
    """
    spec = study.quocnet
    if name == PIXELS:
        return Extractor(nn.Flatten(), _unchanged if spec is None else _resizing(spec))
    if name == QUOCNET and spec is not None:
        return Extractor(stored_quocnet(place, spec), _resizing(spec))
    if name == ALEXNET and name in study.feature_models:
        given = given_alexnet(study.bounds)
        return Extractor(without_head(open_model(given_file(given), input_shape=tuple(shape))), _unchanged)
    wanted = named_extractor(study, name)
    opened = open_model(given_file(as_given(wanted)), network=wanted.network or None, input_shape=tuple(shape))
    return Extractor(opened.model, _unchanged)


def of_model(model: nn.Module) -> Extractor:
    """Return the extractor of a model of the study: what its last linear layer reads of images as they are."""
    return Extractor(LastCodes(model), _unchanged)


def as_given(wanted: ExtractorSpec) -> GivenSpec:
    """Return where an extractor's weights lie, as it is said of models that are given."""
    return GivenSpec(weights=wanted.weights, sha256=wanted.sha256, network=wanted.network)


def _resizing(spec: QuocNetSpec) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda images: resized(images, spec.shape)


def _unchanged(images: torch.Tensor) -> torch.Tensor:
    return images
