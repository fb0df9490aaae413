"""Weights put into the network that they belong to: all of them, exactly, or not at all."""

import logging
from collections.abc import Mapping

import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.models.state_dict import is_beside, without_wrapper

logger = logging.getLogger(__name__)

Weights = Mapping[str, torch.Tensor]

_SHOWN = 3  # names or complaints in an error
_COUNTER = "num_batches_tracked"


def check_finite(weights: Weights, file: str) -> None:
    """Raise :class:`InputError` where a weight is infinite, no number, or not there; ``file`` is said in the error."""
    for name, tensor in weights.items():
        if tensor.device.type == "meta" or tensor.layout != torch.strided:
            kind = "without values (meta)" if tensor.device.type == "meta" else f"sparse ({tensor.layout})"
            raise InputError(f"{file}: the weights {name} are {kind}; save dense ones with values")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise InputError(f"{file}: the weights {name} hold values that are not finite")


def put_weights(model: nn.Module, weights: Weights, file: str, network: str) -> None:
    """Copy ``weights`` into the model; raise :class:`InputError` unless they fit it and lose nothing.

    Names may begin with those of wrappers, ``model.`` or ``backbone.``, where without them they are exactly the
    network's. Counters of the batches that a batch norm was trained with may be absent: some files leave them out, and
    evaluation mode does not look at them. Of weights that the network ties, the file may hold one alone.
    """
    own = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    weights = _with_ties(_named_as(own, weights, file), own)
    weights = {**{name: own[name] for name in own if _is_counter(name)}, **weights}
    problems = _misfits(own, weights)
    if problems:
        raise InputError(f"{file} does not fit the network {network}: {some(problems, '; ')}")
    model.load_state_dict(dict(weights))


def _misfits(own: Weights, weights: Weights) -> list[str]:
    """Return what keeps ``weights`` from fitting, in one order."""
    lacking, unknown = ([name for name in a if name not in b] for a, b in ((own, weights), (weights, own)))
    problems = [f"the file lacks {some(lacking)}"] * bool(lacking)
    problems += [f"the network has no {some(unknown)}"] * bool(unknown)
    for name in own.keys() & weights.keys():
        theirs, ours = weights[name], own[name]
        if theirs.shape != ours.shape:
            problems.append(f"{name} is {tuple(theirs.shape)} in the file and {tuple(ours.shape)} in the network")
        elif not _held(theirs.dtype, ours.dtype):
            kinds = (str(each.dtype).removeprefix("torch.") for each in (theirs, ours))
            problems.append(
                "{name} is {} in the file and {} in the network, which would not be exact".format(*kinds, name=name)
            )
    for names in _ties(own):
        held = [name for name in names if name in weights]
        other = next((name for name in held[1:] if not torch.equal(weights[name], weights[held[0]])), None)
        if other is not None:
            problems.append(f"{held[0]} and {other} differ in the file and are one in the network")
    return sorted(problems)


def _named_as(own: Weights, weights: Weights, file: str) -> Weights:
    """Return ``weights`` by the names of ``own``, where those of a wrapper are all that tells them apart."""
    wanted = {name for name in own if not _is_counter(name)}
    needed = wanted - {name for names in _ties(own) for name in names}  # of the others one may be there for all
    for add in without_wrapper(wanted):
        for cut in without_wrapper(weights):
            front = next(iter(wanted), "")[:add]
            renamed = {front + name[cut:]: value for name, value in weights.items()}
            if needed <= set(renamed) and set(renamed) <= set(own):
                if cut:
                    logger.warning("the names in %s begin with %s, which is dropped", file, next(iter(weights))[:cut])
                return renamed
    return _part_of(weights, own, needed, file)


def _part_of(weights: Weights, own: Weights, needed: set[str], file: str) -> Weights:
    """Return those of ``weights`` below one wrapper's name that are just the network's, or all of them.

    Where all that lies beside them is known to be no part of the network: a loss's weights, a metric's, or running
    averages. Anything else may be one, as the mean that a wrapper takes off its images.
    """
    beside = {name for name in weights if is_beside(name)}
    kept = {name: value for name, value in weights.items() if name not in beside}
    for cut in without_wrapper(kept) if needed and beside else ():
        part = {name[cut:]: value for name, value in kept.items()}
        if needed <= set(part) <= set(own):
            logger.warning("of %s the weights %s are not read", file, some(sorted(beside)))
            return part
    return weights


def _with_ties(weights: Weights, own: Weights) -> Weights:
    """Return ``weights`` with those that the network ties to one of them, and the file lacks."""
    found = dict(weights)
    for names in _ties(own):
        held = next((name for name in names if name in weights), None)
        found |= {name: weights[held] for name in names if held is not None and name not in weights}
    return found


def _ties(own: Weights) -> list[list[str]]:
    """Return the names of weights that are one and the same memory, a list each."""
    places: dict[tuple[object, ...], list[str]] = {}
    for name, value in own.items():
        if value.numel() and value.device.type != "meta":
            places.setdefault((value.data_ptr(), value.shape, value.stride(), value.dtype), []).append(name)
    return [names for names in places.values() if len(names) > 1]


def _is_counter(name: str) -> bool:
    return name.rpartition(".")[2] == _COUNTER


def _held(theirs: torch.dtype, ours: torch.dtype) -> bool:
    """Tell whether one dtype holds every value of the other, and both are of one kind."""
    return theirs.is_floating_point == ours.is_floating_point and torch.promote_types(theirs, ours) == ours


def some(texts: list[str], between: str = ", ") -> str:
    """Return the first few of ``texts``, and how many more there are."""
    more = len(texts) - _SHOWN
    return between.join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def at_rest(model: nn.Module) -> nn.Module:
    """Return the model on the CPU, in evaluation mode, without gradients of its weights."""
    return model.cpu().eval().requires_grad_(False)
