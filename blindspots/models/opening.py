"""A model out of a file of weights: which network they belong to, and the network with them in it."""

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import nn

from blindspots.datasets.archive import ARCHIVES
from blindspots.errors import InputError
from blindspots.models.fetching import fetch_weights, is_address
from blindspots.models.weights_file import load_weights_file
from blindspots.networks.alexnet import AlexNet
from blindspots.networks.alexnet_2012 import AlexNet2012
from blindspots.networks.build import build_network
from blindspots.store.place import Place
from blindspots.store.weights import read_metadata
from blindspots.study.study import ModelSpec

Weights = Mapping[str, torch.Tensor]

ALEXNETS: dict[str, type[AlexNet] | type[AlexNet2012]] = {"alexnet": AlexNet, "alexnet-2012": AlexNet2012}
"""The AlexNets by the names that users give them."""

_IDX_SHAPE = (1, 28, 28)
"""Shape of an image in every data set that a study can name."""
_FIRST_MAPS = {"alexnet": 64, "alexnet-2012": 96}
_LAST = "classifier.6.weight"
_SHOWN = 3  # names or complaints in an error


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """A network with the weights of a file, in evaluation mode on the CPU."""

    model: nn.Module
    """Takes images (n, ...) in [0, 1]; returns logits, or the values before the layers in ``missing``."""
    input_shape: tuple[int, ...]
    """Of one image."""
    name: str
    """``alexnet``, ``alexnet-2012``, the name of a study's model, or ``package.module:function``."""
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
    of the two AlexNets, by names and shapes of the weights, also where those of the fully connected layers are absent.
    Else ``alexnet``, ``alexnet-2012``, or ``package.module:function``: a function without arguments that returns the
    network as a :class:`torch.nn.Module`, looked for in the current folder too. Its code is run. ``input_shape`` of an
    image, without the batch, is needed for such a network; for others it is known and may differ for AlexNet alone.

    Weights must fit the network in every name and shape. They are copied into its dtype where that holds every value
    (float16 in float32), and never rounded.

    Raises :class:`InputError` for what doesn't fit, and weights that are not finite.
    """
    path = _path(path_or_url, sha256)
    weights = load_weights_file(path)
    _check_finite(weights, path.name)
    if network is None:
        metadata = read_metadata(Place(path.parent), path.name) if path.suffix == ".safetensors" else {}
        if "network" in metadata:
            return _of_study(weights, metadata, path.name, input_shape)
        network = _recognised(weights, path.name)
    if network in ALEXNETS:
        return _alexnet(network, weights, path.name, input_shape)
    if input_shape is None:
        raise InputError(f"input_shape is wanted for the network {network}: that of an image, such as (3, 224, 224)")
    model = _called(network)
    _load(model, weights, path.name, network)
    return OpenedModel(_at_rest(model), _checked(input_shape), network)


def _path(path_or_url: str | Path, sha256: str | None) -> Path:
    if is_address(str(path_or_url)):
        return fetch_weights(str(path_or_url), sha256)
    if sha256 is not None:
        raise InputError(f"a sha256 is for an address on the web, and {path_or_url} is a path: leave it out")
    return Path(path_or_url).expanduser()


def _check_finite(weights: Weights, file: str) -> None:
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise InputError(f"{file}: the weights {name} hold values that are not finite")


def _checked(shape: tuple[int, ...]) -> tuple[int, ...]:
    if not shape or any(not isinstance(size, int) or size < 1 for size in shape):
        raise InputError(f"input_shape = {shape}: sizes of at least 1 are wanted, without the batch")
    return tuple(shape)


def _of_study(
    weights: Weights, metadata: Mapping[str, str], file: str, input_shape: tuple[int, ...] | None
) -> OpenedModel:
    """Return a model that a study of this package trained; see ``TrainingJob`` for its metadata."""
    name, dataset = metadata.get("model", "model"), metadata.get("dataset", "")
    try:
        spec = ModelSpec.model_validate({"name": name, **json.loads(metadata["network"])})
    except (ValidationError, ValueError, TypeError):
        raise InputError(f"{file}: its metadata describe no network of a study; name one with network=") from None
    if dataset not in ARCHIVES:
        raise InputError(f"{file}: its metadata name the data set {dataset!r}; known are {', '.join(ARCHIVES)}")
    if input_shape is not None and tuple(input_shape) != _IDX_SHAPE:
        raise InputError(f"input_shape = {tuple(input_shape)}: images of {dataset} are {_IDX_SHAPE}; leave it out")
    model = build_network(spec, shape=_IDX_SHAPE, classes=len(ARCHIVES[dataset].classes))
    _load(model, weights, file, name)
    return OpenedModel(_at_rest(model), _IDX_SHAPE, name)


def _recognised(weights: Weights, file: str) -> str:
    """Return the name of the AlexNet whose first kernel is the file's; :func:`_load` compares all the rest."""
    first = weights.get("features.0.weight")
    for name, maps in _FIRST_MAPS.items():
        if first is not None and first.shape == (maps, 3, 11, 11):
            return name
    raise InputError(
        f"{file}: weights such as {_some(list(weights))} are of no network that is known ({', '.join(ALEXNETS)}, or a "
        "study's own); name theirs with network='package.module:function' and input_shape"
    )


def _alexnet(name: str, weights: Weights, file: str, input_shape: tuple[int, ...] | None) -> OpenedModel:
    kind = ALEXNETS[name]
    shape = _checked(kind.input_shape if input_shape is None else input_shape)
    if len(shape) != 3 or shape[0] != 3 or (kind is AlexNet2012 and shape != kind.input_shape) or min(shape[1:]) < 63:
        wanted = kind.input_shape if kind is AlexNet2012 else "(3, height, width), of 63 x 63 at least"
        raise InputError(f"input_shape = {shape}: {name} takes images of {wanted}")
    whole = any(key.startswith("classifier.") for key in weights)
    with torch.random.fork_rng(devices=[]):  # torch draws weights that are of no use; its state stays as it was
        model = kind(_classes(weights) if whole else None)
    _load(model, weights, file, name)
    missing = () if whole else tuple(f"classifier.{index}" for index in (1, 4, 6))
    return OpenedModel(_at_rest(model), shape, name, missing)


def _classes(weights: Weights) -> int:
    last = weights.get(_LAST)
    return len(last) if last is not None and last.dim() == 2 and len(last) else 1000


def _called(network: str) -> nn.Module:
    """Return what the function ``package.module:function`` returns."""
    where, _, what = network.partition(":")
    if not (where and what):
        raise InputError(
            f"no network is called {network!r}; there are {', '.join(ALEXNETS)}, and yours as package.module:function"
        )
    try:
        with _current_folder():
            model = getattr(importlib.import_module(where), what)()
    except Exception as error:  # of code that is not ours
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(f"the network {network} cannot be made: {type(error).__name__}: {reason}") from error
    if not isinstance(model, nn.Module):
        raise InputError(f"{network} returned one {type(model).__name__}; it must return a torch.nn.Module")
    return model


@contextmanager
def _current_folder() -> Iterator[None]:
    """Look for modules in the current folder too, as ``python`` does and a console script does not."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _load(model: nn.Module, weights: Weights, file: str, network: str) -> None:
    """Copy ``weights`` into the model; raise :class:`InputError` unless they fit it and lose nothing."""
    own = model.state_dict()
    lacking, unknown = ([name for name in a if name not in b] for a, b in ((own, weights), (weights, own)))
    problems = [f"the file lacks {_some(lacking)}"] * bool(lacking)
    problems += [f"the network has no {_some(unknown)}"] * bool(unknown)
    for name in own.keys() & weights.keys():
        theirs, ours = weights[name], own[name]
        if theirs.shape != ours.shape:
            problems.append(f"{name} is {tuple(theirs.shape)} in the file and {tuple(ours.shape)} in the network")
        elif not _held(theirs.dtype, ours.dtype):
            kinds = (str(each.dtype).removeprefix("torch.") for each in (theirs, ours))
            problems.append(
                "{name} is {} in the file and {} in the network, which would not be exact".format(*kinds, name=name)
            )
    if problems:
        raise InputError(f"{file} does not fit the network {network}: {_some(sorted(problems), '; ')}")
    model.load_state_dict(dict(weights))


def _held(theirs: torch.dtype, ours: torch.dtype) -> bool:
    """Tell whether one dtype holds every value of the other, and both are of one kind."""
    return theirs.is_floating_point == ours.is_floating_point and torch.promote_types(theirs, ours) == ours


def _some(texts: list[str], between: str = ", ") -> str:
    more = len(texts) - _SHOWN
    return between.join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _at_rest(model: nn.Module) -> nn.Module:
    return model.cpu().eval().requires_grad_(False)
