"""Weights put into the network that they belong to: all of them, exactly, or not at all."""

import logging
import re
from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from blindspots.errors import InputError
from blindspots.models.state_dict import is_beside, without_wrapper

logger = logging.getLogger(__name__)

Weights = Mapping[str, torch.Tensor]

_SHOWN = 3  # names or complaints in an error
_COUNTER = "num_batches_tracked"
_EIGHT_BITS = (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz)
"""What torch stores and does not compute with; float16 holds every value of each, and more so float32."""
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_NORMED = re.compile(r"(.*\.)?([^.]+)_([gv])")
"""What torch's older ``weight_norm`` calls the norm and the direction of a layer's weight."""
_HOLD_THEM = (torch.float16, torch.float32, torch.float64)


def check_finite(weights: Weights, file: str) -> None:
    """Raise :class:`InputError` where a weight is infinite, no number, or not there; ``file`` is said in the error."""
    for name, tensor in weights.items():
        if tensor.device.type == "meta" or tensor.layout != torch.strided:
            kind = "without values (meta)" if tensor.device.type == "meta" else f"sparse ({tensor.layout})"
            raise InputError(f"{file}: the weights {name} are {kind}; save dense ones with values")
        if tensor.is_floating_point():
            try:
                finite = bool(_computable(tensor).isfinite().all())
            except NotImplementedError:
                kind = str(tensor.dtype).removeprefix("torch.")
                raise InputError(
                    f"{file}: the weights {name} are {kind}, which torch does not compute with; save them as float32"
                ) from None
            if not finite:
                raise InputError(f"{file}: the weights {name} hold values that are not finite")


def put_weights(model: nn.Module, weights: Weights, file: str, network: str) -> None:
    """Copy ``weights`` into the model; raise :class:`InputError` unless they fit it and lose nothing.

    Names may begin with those of wrappers, ``model.`` or ``backbone.``, where without them they are exactly the
    network's. Counters of the batches that a batch norm was trained with may be absent, from the file or from the
    network: evaluation mode does not look at them; those that are whole are taken from floating-point numbers, too. Of
    weights that the network ties, the file may hold one alone. The names of torch's older ``weight_norm`` stand for
    those of its parametrization, and a row of one number for a number.
    """
    state = model.state_dict()
    own = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    kept = [name for name in state if name not in own and state[name] is not None]
    if kept:
        raise InputError(f"the network {network} keeps {some(kept)} beside its tensors, which no file of weights holds")
    weights = _with_ties(_named_as(own, _with_norms(weights, own), file), own)
    weights = {name: _as_own(name, value, own[name]) if name in own else value for name, value in weights.items()}
    counters = [name for name in weights if _is_counter(name) and name not in own]
    weights = {name: value for name, value in weights.items() if name not in counters}
    weights = {**{name: own[name] for name in own if _is_counter(name)}, **weights}
    problems = _misfits(own, weights)
    if problems:
        raise InputError(f"{file} does not fit the network {network}: {some(problems, '; ')}")
    if counters:
        logger.warning("of %s the weights %s are not read, which the network lacks", file, some(counters))
    try:
        model.load_state_dict({**dict.fromkeys(state), **weights})
    except Exception as error:  # a network may have a way of its own to take its weights
        reason = (str(error).splitlines() or [type(error).__name__])[-1].strip()
        raise InputError(f"{file} does not fit the network {network}: it refuses its weights, {reason}") from error


def _misfits(own: Weights, weights: Weights) -> list[str]:
    """Return what keeps ``weights`` from fitting, in one order."""
    lacking, unknown = ([name for name in a if name not in b] for a, b in ((own, weights), (weights, own)))
    problems = [f"the file lacks {some(lacking)}"] * bool(lacking)
    problems += [f"the network has no {some(unknown)}"] * bool(unknown)
    for name in own.keys() & weights.keys():
        theirs, ours = weights[name], own[name]
        if not is_lazy(ours) and theirs.shape != ours.shape:  # a lazy layer takes its shape from the file
            problems.append(f"{name} is {tuple(theirs.shape)} in the file and {tuple(ours.shape)} in the network")
        elif not _held(theirs.dtype, ours.dtype):
            kinds = (str(each.dtype).removeprefix("torch.") for each in (theirs, ours))
            problems.append(
                "{name} is {} in the file and {} in the network, which would not be exact".format(*kinds, name=name)
            )
    for names in _ties(own):
        held = [name for name in names if name in weights]
        other = next((name for name in held[1:] if not _equal(weights[name], weights[held[0]])), None)
        if other is not None:
            problems.append(f"{held[0]} and {other} differ in the file and are one in the network")
    return sorted(problems)


def _with_norms(weights: Weights, own: Weights) -> Weights:
    """Return ``weights`` with the names of ``weight_norm``'s parametrization, where the network has those."""
    ours = [name for name in own if ".parametrizations." in f".{name}"]
    found: dict[str, torch.Tensor] = {}
    for name, value in weights.items():
        old = _NORMED.fullmatch(name) if ours and name not in own else None
        if old is not None:
            new = f"{old[1] or ''}parametrizations.{old[2]}.original{'gv'.index(old[3])}"
            wanted = any(f".{a}".endswith(f".{b}") for each in ours for a, b in ((new, each), (each, new)))
            name = new if wanted and new not in weights else name
        found[name] = value
    return found


def _as_own(name: str, value: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Return a number that is stored as a row of one, or a counter as whole floats, as the network has it."""
    if not is_lazy(own) and own.dim() == 0 and value.shape == (1,):
        value = value.reshape(())
    if _is_counter(name) and value.dtype in _FLOATS and not own.is_floating_point():
        whole = value.to(own.dtype)
        return whole if torch.equal(whole.to(value.dtype), value) else value
    return value


def _named_as(own: Weights, weights: Weights, file: str) -> Weights:
    """Return ``weights`` by the names of ``own``, where those of a wrapper are all that tells them apart."""
    wanted = {name for name in own if not _is_counter(name)}
    needed = wanted - {name for names in _ties(own) for name in names}  # of the others one may be there for all
    for add in without_wrapper(wanted):
        for cut in without_wrapper(weights):
            front = next(iter(wanted), "")[:add]
            renamed = {front + name[cut:]: value for name, value in weights.items()}
            if needed <= set(renamed) and _all_in(own, renamed):
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
        if needed <= set(part) and _all_in(own, part):
            logger.warning("of %s the weights %s are not read", file, some(sorted(beside)))
            return part
    return weights


def _all_in(own: Weights, weights: Weights) -> bool:
    """Tell whether the network has all of ``weights`` but counters."""
    return all(name in own or _is_counter(name) for name in weights)


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
        if not is_lazy(value) and value.numel() and value.device.type != "meta":
            places.setdefault((value.data_ptr(), value.shape, value.stride(), value.dtype), []).append(name)
    return [names for names in places.values() if len(names) > 1]


def _is_counter(name: str) -> bool:
    return name.rpartition(".")[2] == _COUNTER


def _held(theirs: torch.dtype, ours: torch.dtype) -> bool:
    """Tell whether one dtype holds every value of the other, and both are of one kind."""
    if theirs in _EIGHT_BITS:
        return ours == theirs or ours in _HOLD_THEM
    try:
        return theirs.is_floating_point == ours.is_floating_point and torch.promote_types(theirs, ours) == ours
    except RuntimeError:  # of fewer bits, which torch does not compute with
        return False


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.equal(_computable(one), _computable(other))


def _computable(weight: torch.Tensor) -> torch.Tensor:
    return weight.half() if weight.dtype in _EIGHT_BITS else weight


def some(texts: list[str], between: str = ", ") -> str:
    """Return the first few of ``texts``, and how many more there are."""
    more = len(texts) - _SHOWN
    return between.join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def at_rest(model: nn.Module) -> nn.Module:
    """Return the model on the CPU, in evaluation mode, without gradients of its weights."""
    return model.cpu().eval().requires_grad_(False)
