"""What people hand to public functions: arrays and scalars of numpy are taken wherever a tensor or a number is."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch

from blindspots.errors import InputError

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


def of_numpy_too(function: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """Return ``function``, which sees tensors where it is given arrays, and Python's numbers for numpy's.

    In tuples and lists too. An array's memory is shared where torch can share it; nothing here writes to it. Under
    ``torch.inference_mode`` it runs outside of that, on copies of tensors that were made within: slopes are needed.
    """

    @wraps(function)
    def taking(*positional: Arguments.args, **named: Arguments.kwargs) -> Returned:
        with torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext():
            found = [as_torch(value) for value in positional]
            return function(*found, **{name: as_torch(value) for name, value in named.items()})

    return taking


def as_torch(value: Any) -> Any:
    """Return an array as a tensor, a scalar of numpy as Python's number, and anything else as it is.

    But a tensor of inference mode, which no slope can be taken of, as a copy that is none.
    """
    if isinstance(value, torch.Tensor) and value.is_inference() and not torch.is_inference_mode_enabled():
        return value.clone()
    if isinstance(value, np.ndarray):
        return _as_tensor(value) if value.ndim else value.item()
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in (tuple, list) and any(isinstance(item, np.ndarray | np.generic) for item in value):
        return type(value)(map(as_torch, value))
    return value


def numbers_of(value: Any) -> Any:
    """Return a row of integers in a tensor, such as a shape in an array, as a tuple; anything else as it is."""
    if isinstance(value, torch.Tensor) and value.dim() == 1 and not value.is_floating_point():
        return tuple(value.tolist())
    return value


def check_dense(name: str, value: Any) -> None:
    """Raise :class:`InputError` for what is no tensor, and for one whose values do not lie there as they are."""
    if not isinstance(value, torch.Tensor):
        raise InputError(f"{name} is a {type(value).__name__}; give a torch tensor or an array of numpy")
    if value.is_nested:
        raise InputError(f"{name} is a nested tensor, of rows that may differ in shape; give one of rows of one shape")
    if value.layout != torch.strided:
        raise InputError(f"{name} is sparse ({value.layout}); give a dense one, by to_dense()")
    if value.is_meta:
        raise InputError(f"{name} is on the device meta, where tensors have no values; give one with values")


def _as_tensor(array: np.ndarray) -> Any:
    """Return a tensor of the array's values; the array itself where torch has no such dtype: it is refused later."""
    unsigned = array.dtype.kind == "u" and array.dtype.itemsize in (2, 4)  # of which torch has few operations
    native = array.astype(np.int64 if unsigned else array.dtype.newbyteorder("="), copy=False)
    plain = native if native.flags.writeable else native.copy()
    try:
        return torch.from_numpy(np.ascontiguousarray(plain).reshape(array.shape))
    except TypeError:  # of text, dates, objects
        return array
