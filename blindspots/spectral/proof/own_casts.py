"""Casts that a model makes to its own dtype, such as ``x.float()``: its copy in float64 makes none of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


@contextmanager
def own_casts_kept(dtype: torch.dtype) -> Iterator[None]:
    """Within, a cast to ``dtype``, the model's own, is one to float64, in which the model's copy runs.

    A model of float32 that casts its float32 values to float32 leaves them as they are, and so must its copy. A tensor
    of the dtype that a forward pass makes of nothing, such as ``torch.eye(3)``, is the same values in float64. Whether
    the values that a cast meets are of the model's own dtype in the model itself, the copy can't tell: ask the model's
    own graph, as :func:`.check_own_graph` does.
    """
    with KeptCasts(dtype):
        yield


class KeptCasts(TorchDispatchMode):
    """Below autograd, where every method and function that casts is one and the same operation."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtype = dtype

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Tell torch not to wrap what follows for its compiler, which it would import to do so, for a second."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call ``func``, a cast to float64 in the place of one to the dtype; new tensors of that come in float64."""
        given = dict(kwargs or {})
        # sums and means cast what they are given, too
        if given.get("dtype") == self.dtype and any(isinstance(value, torch.Tensor) for value in args):
            given["dtype"] = torch.float64
        outcome = func(*args, **given)
        if self.dtype != torch.float64 and _is_made(func, args, outcome) and outcome.dtype == self.dtype:
            return outcome.double()
        return outcome


def _is_made(func: Any, args: tuple[Any, ...], outcome: Any) -> bool:
    """Return whether an operation makes a tensor of no other: ``torch.tensor`` does so by one that lifts it."""
    none = not any(isinstance(value, torch.Tensor) for value in args)
    return isinstance(outcome, torch.Tensor) and (none or func is torch.ops.aten.lift_fresh.default)
