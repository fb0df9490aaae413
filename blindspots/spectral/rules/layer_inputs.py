"""Whether a layer takes an input of some shape, and whether its numbers can be used."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.utils import parametrize

from blindspots.arguments import numbers_of
from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import NoRuleError

_PLAIN = (torch.Tensor, nn.Parameter)
_REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError)


def checked_shape(input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return ``input_shape`` as a tuple; raises InputError unless it is a shape, without the batch, of some values."""
    input_shape = numbers_of(input_shape)
    shape = tuple(input_shape) if isinstance(input_shape, tuple | list | torch.Size) else ()
    if not shape or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in shape):
        raise InputError(f"input_shape {input_shape!r}: positive whole numbers are wanted, the batch left out")
    return shape


def own_code(layer: nn.Module) -> str:
    """Return what a layer does beside what its class does, in words; nothing where it is its class alone."""
    kind = parametrize.type_before_parametrizations(layer)
    if layer._forward_hooks or layer._forward_pre_hooks:
        return "has hooks, which can change what it returns: remove them first"
    if "forward" in vars(layer):
        return "has a forward pass of its own: what it returns is unknown"
    own = [name for name, value in vars(layer).items() if callable(value) and callable(getattr(kind, name, None))]
    if own:
        return f"has a method {own[0]!r} of its own: what it returns is unknown"
    for name, values in (*layer.named_parameters(), *layer.named_buffers()):
        if not is_torchs_own(values):
            return (
                f"has a {name!r} of the class {type(values).__name__}, which may compute otherwise than a tensor does"
            )
    return ""


def is_torchs_own(values: torch.Tensor) -> bool:
    """Tell whether a tensor is torch's own: of another class, torch's functions can be others."""
    return type(values) in _PLAIN


def output_shape(layer: nn.Module, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of what a ``layer`` without weights returns for one input of zeros, the batch left out.

    Raises InputError with torch's own reason where it refuses the input.
    """
    try:
        outcome = layer(torch.zeros(1, *input_shape))
    except _REFUSALS as refusal:
        reason = str(refusal).split("\n")[0]
        raise InputError(f"{type(layer).__name__} takes no input of shape {input_shape}: {reason}") from None
    return tuple(outcome.shape[1:])


def spatial_sizes(layer: nn.Module, input_shape: tuple[int, ...], dims: int) -> tuple[int, ...]:
    """Return the sizes behind the channels; raises InputError unless there are ``dims`` of them."""
    if len(input_shape) != dims + 1:
        raise InputError(
            f"{type(layer).__name__} takes no input of shape {input_shape}: channels and {dims} sizes are wanted"
        )
    return input_shape[1:]


def check_channels(layer: nn.Module, input_shape: tuple[int, ...], channels: int) -> None:
    """Raise InputError unless the input has so many ``channels``."""
    if input_shape[0] != channels:
        raise InputError(
            f"{type(layer).__name__} takes no input of shape {input_shape}: {channels} channels are wanted"
        )


def axis_of(layer: nn.Module, input_shape: tuple[int, ...], dim: int) -> int:
    """Return which axis of an input without its batch ``dim`` is, which counts the batch or goes from the end.

    Raises InputError where there is none, NoRuleError where it is the batch itself.
    """
    dims = len(input_shape) + 1
    if not -dims <= dim < dims:
        raise InputError(f"{type(layer).__name__}: an input of shape {input_shape} and its batch have no dim {dim}")
    if dim % dims == 0:
        raise NoRuleError(
            f"{type(layer).__name__} along dim {dim} mixes the inputs of a batch: nothing is known of one"
        )
    return dim % dims - 1


def finite(layer: nn.Module, name: str, values: torch.Tensor) -> torch.Tensor:
    """Return a layer's numbers in float64; raises InputError unless all are finite."""
    result = values.detach().double()
    if not torch.isfinite(result).all():
        raise InputError(f"{type(layer).__name__}: {name} holds infinities or NaN, and finite numbers are wanted")
    return result


def finite_number(layer: nn.Module, name: str, value: float) -> float:
    """Return a layer's number; raises InputError unless it is finite."""
    return float(finite(layer, name, torch.tensor(value, dtype=torch.float64)))


def per_axis(sizes: int | tuple[int, ...], dims: int) -> tuple[int, ...]:
    """Return one size an axis, as torch reads a single one, which may be one of numpy's."""
    several = tuple(map(int, sizes)) if isinstance(sizes, Iterable) else (int(sizes),)
    return several * (dims if len(several) == 1 else 1)
