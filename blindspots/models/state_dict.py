"""The weights in what a training script saved: under which key they lie, and what wrappers put before their names."""

import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from blindspots.errors import InputError

Weights = dict[str, torch.Tensor]

logger = logging.getLogger(__name__)

_USUAL = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params", "model_state")
"""Keys under which scripts keep the weights, beside an optimizer's state and the epoch."""
_AVERAGES = re.compile(r"(^|_)(ema|swa|averaged?|shadow|teacher)(_|\d|$)")
"""In keys of weights that are running averages of the weights, and may be kept beside them."""
_NO_WEIGHTS = re.compile(r"optim|sched|scaler|callback|criterion|loss|metric|rng|random|hyper|args|config|loops|hist")
"""In keys of what is no model's, though there may be tensors in it."""
_SHOWN = 8
"""Keys that are told apart in an error, at most."""
_DEPTH = 3  # such as {"checkpoint": {"model": {"state_dict": ...}}}

_ANYWHERE = re.compile(r"(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_fpw_module)\.")
"""What torch.compile, FSDP and the like put into a name, also in the middle of it; no network says such by itself."""
_COUNTS = "n_averaged"
"""What torch's ``AveragedModel`` counts beside the model that it wraps."""


def state_dict_of(content: Any, file: str) -> Weights:
    """Return the weights in ``content``, which is what was saved, by their names in the network.

    A state dict lies in it as it is or under a key, three keys deep at most: the one that is there, whatever its key,
    or of several the one under a usual key; averages of the weights are taken where the weights themselves are not in
    the file. A prefix ``module.`` that all names share is dropped, and what torch.compile and FSDP add.

    Raises :class:`InputError` where there is none, or several and none under a usual key; ``file`` is said in it.
    """
    if not isinstance(content, Mapping):
        raise InputError(f"{file} holds no state dict but one {_kind(content)}: save a model's state_dict()")
    if not content:
        raise InputError(f"{file} holds no tensors: save a model's state_dict()")
    weights = content if all(_is_weight(*item) for item in content.items()) else _chosen(content, file)
    return _unwrapped({name: _tensor(value) for name, value in weights.items()}, file)


def without_wrapper(names: Collection[str]) -> Iterator[int]:
    """Yield how many first letters of ``names`` may be those of wrappers: none, then each name that all share.

    A wrapper keeps the network under a name of its own, ``model.`` or ``backbone.``, and there may be several. A
    number is none: a ``Sequential`` does more than its second layer.
    """
    first, cut = next(iter(names), ""), 0
    yield cut
    while (dot := first.find(".", cut)) > 0 and not first[cut:dot].isdecimal():
        if not all(name.startswith(first[: dot + 1]) for name in names):
            return
        cut = dot + 1
        yield cut


def is_beside(name: str) -> bool:
    """Tell whether a weight's name says that it is a loss's, a metric's, or a running average of another."""
    parts = name.lower().split(".")[:-1]
    return any(_NO_WEIGHTS.search(part) or _AVERAGES.search(part) for part in parts)


def unwrapped_for(weights: Mapping[str, torch.Tensor], known: Callable[[Weights], bool]) -> Weights | None:
    """Return ``weights`` less the names of wrappers, as few as make them ``known``; None where that does not help."""
    for cut in without_wrapper(weights):
        found = {name[cut:]: value for name, value in weights.items()}
        if known(found):
            return found
    return None


def _chosen(content: Mapping[Any, Any], file: str) -> Mapping[str, Any]:
    """Return the one state dict below ``content``."""
    found = dict(_below(content, (), _DEPTH))
    if not found:
        wrong = [key for key, value in content.items() if not _is_weight(key, value)]
        key = next((key for key in _USUAL if key in wrong), wrong[0])
        what = f"is no tensor but one {_kind(content[key])}" if isinstance(key, str) else "has no text for a name"
        raise InputError(f"{file} holds no state dict: its entry {key!r} {what}; save a model's state_dict()")
    ranks = {key: _rank(key) for key in found}
    best = [key for key, rank in ranks.items() if rank == min(ranks.values())]
    if len(best) > 1:
        names = [repr(".".join(key)) for key in best]
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        raise InputError(
            f"{file} holds {len(best)} state dicts, and no key tells which is meant, of {shown}: save that one alone"
        )
    if len(found) > 1:
        others = ", ".join(repr(".".join(key)) for key in found if key != best[0])
        logger.warning("of %s the weights under %r are read, not those under %s", file, ".".join(best[0]), others)
    return found[best[0]]


def _below(
    content: Mapping[Any, Any], path: tuple[str, ...], depth: int
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield the state dicts below ``content`` with the keys that lead there."""
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Mapping) or _NO_WEIGHTS.search(key.lower()):
            continue
        if not value or all(_is_weight(*item) for item in value.items()):
            if value or key in _USUAL:
                yield (*path, key), value
        elif depth > 1:
            yield from _below(value, (*path, key), depth - 1)


def _rank(path: tuple[str, ...]) -> tuple[bool, int, int]:
    """Rank a state dict by its keys: no averages first, then the usual keys in their order, then the others."""
    averaged = any(_AVERAGES.search(key.lower()) for key in path)
    usual = [_USUAL.index(key) for key in path if key in _USUAL]
    return averaged, 0 if usual else 1, min(usual, default=0)


def _unwrapped(weights: Weights, file: str) -> Weights:
    if len(weights) > 1 and weights.get(_COUNTS, torch.empty(1)).dim() == 0:
        weights = {name: value for name, value in weights.items() if name != _COUNTS}
    found: Weights = {}
    prefix = "module."
    names = {name: _ANYWHERE.sub(r"\1", name) for name in weights}
    while names and all(name.startswith(prefix) for name in names.values()):
        names = {key: name.removeprefix(prefix) for key, name in names.items()}
    for key, name in names.items():
        if name in found:
            other = next(each for each, short in names.items() if short == name)
            raise InputError(
                f"{file} holds the weights {name} twice, as {other!r} and as {key!r}: save the one that is meant alone"
            )
        found[name] = weights[key]
    if not found:
        raise InputError(f"{file} holds no tensors: save a model's state_dict()")
    return found


def _is_weight(key: Any, value: Any) -> bool:
    array = isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    return isinstance(key, str) and (array or isinstance(value, torch.Tensor))


def _tensor(value: torch.Tensor | np.ndarray) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.detach()
    return torch.from_numpy(np.ascontiguousarray(value).reshape(value.shape))  # which makes of a number a row of one


def _kind(value: Any) -> str:
    return type(value).__name__
