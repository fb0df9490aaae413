"""Weights put into the network that they belong to: all of them, exactly, or not at all."""

from collections.abc import Mapping

import torch
from torch import nn

from blindspots.errors import InputError

Weights = Mapping[str, torch.Tensor]

_SHOWN = 3  # names or complaints in an error
_COUNTER = "num_batches_tracked"


def check_finite(weights: Weights, file: str) -> None:
    """Raise :class:`InputError` where a weight is infinite or no number; ``file`` is said in the error."""
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise InputError(f"{file}: the weights {name} hold values that are not finite")


def put_weights(model: nn.Module, weights: Weights, file: str, network: str) -> None:
    """Copy ``weights`` into the model; raise :class:`InputError` unless they fit it and lose nothing.

    Counters of the batches that a batch norm was trained with may be absent: some files leave them out, and evaluation
    mode does not look at them.
    """
    own = model.state_dict()
    weights = {**{name: own[name] for name in own if name.rpartition(".")[2] == _COUNTER}, **weights}
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
    if problems:
        raise InputError(f"{file} does not fit the network {network}: {some(sorted(problems), '; ')}")
    model.load_state_dict(dict(weights))


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
