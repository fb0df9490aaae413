"""Linear maps between the values of a network, with their transposes: what bounds are taken backwards along."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Protocol

import torch
from torch.nn import functional as F

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class LinearMap(Protocol):
    """A linear map from values of one shape to values of another, for rows of them."""

    @property
    def terms(self) -> int:
        """The most terms in a sum of it or of its transpose."""

    def apply(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the images (m, ...) of ``rows`` (m, ...)."""

    def transposed(self, rows: torch.Tensor) -> torch.Tensor:
        """Return what the transpose makes of ``rows`` (m, ...), of the shape of the map's outcomes."""

    def absolute(self) -> "LinearMap":
        """Return the map whose entries are the absolute values of this one's."""


@dataclass(frozen=True)
class Dense:
    """A matrix (outputs, inputs)."""

    weight: torch.Tensor

    @property
    def terms(self) -> int:
        """Rows and columns."""
        return max(self.weight.shape)

    def apply(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`LinearMap`."""
        return rows @ self.weight.T

    def transposed(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`LinearMap`."""
        return rows @ self.weight

    def absolute(self) -> "Dense":
        """See :class:`LinearMap`."""
        return Dense(self.weight.abs())


@dataclass(frozen=True)
class Convolution:
    """A convolution with zero padding, as torch has it, of one to three axes."""

    weight: torch.Tensor
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    shape: tuple[int, ...]
    """Of the input, without the batch."""

    @property
    def terms(self) -> int:
        """Taps times channels."""
        outputs, inputs, *taps = self.weight.shape
        return max(outputs // self.groups, inputs) * prod(taps)

    def apply(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`LinearMap`."""
        convolve: Callable[..., torch.Tensor] = _CONVOLUTIONS[self.weight.dim() - 2]
        return convolve(rows, self.weight, None, self.stride, self.padding, self.dilation, self.groups)

    def transposed(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`LinearMap`."""
        like = rows.new_empty(1).expand(len(rows), *self.shape)
        back: torch.Tensor = torch.ops.aten.convolution_backward(
            rows,
            like,
            self.weight,
            None,
            self.stride,
            self.padding,
            self.dilation,
            False,
            [0] * len(self.stride),
            self.groups,
            [True, False, False],
        )[0]
        return back

    def absolute(self) -> "Convolution":
        """See :class:`LinearMap`."""
        return replace(self, weight=self.weight.abs())


@dataclass(frozen=True)
class Scaled:
    """A multiple of each value, in another shape."""

    factor: torch.Tensor
    """() or (1, ...), against the outcome."""
    before: tuple[int, ...]
    after: tuple[int, ...]
    terms: int = 1
    """More where a factor, or what goes with it, is computed by several operations."""

    def apply(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`LinearMap`."""
        return rows.reshape(len(rows), *self.after) * self.factor

    def transposed(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`LinearMap`."""
        return (rows * self.factor).reshape(len(rows), *self.before)

    def absolute(self) -> "Scaled":
        """See :class:`LinearMap`."""
        return replace(self, factor=self.factor.abs())


@dataclass(frozen=True)
class Selected:
    """A selection of values, all times one number."""

    index: torch.Tensor
    """(values,) int64: which of the input's values each of the outcome's is."""
    before: tuple[int, ...]
    after: tuple[int, ...]
    factor: float = 1.0

    @property
    def terms(self) -> int:
        """How often a value is selected."""
        return int(self.index.bincount().max())

    def apply(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`LinearMap`."""
        return self.factor * rows.flatten(1)[:, self.index].reshape(len(rows), *self.after)

    def transposed(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`LinearMap`."""
        none = rows.new_zeros(len(rows), prod(self.before))
        return none.index_add(1, self.index, self.factor * rows.flatten(1)).reshape(len(rows), *self.before)

    def absolute(self) -> "Selected":
        """See :class:`LinearMap`."""
        return replace(self, factor=abs(self.factor))


@dataclass(frozen=True)
class Averaging:
    """Sums of values with weights that are not below 0, as of a pooling by the mean; transposed by torch's autograd."""

    call: Callable[[torch.Tensor], torch.Tensor]
    before: tuple[int, ...]
    after: tuple[int, ...]
    terms: int

    def apply(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`LinearMap`."""
        return self.call(rows)

    def transposed(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`LinearMap`."""
        with torch.enable_grad():
            leaf = rows.new_zeros(len(rows), *self.before).requires_grad_(True)
            outcome = self.call(leaf)
        return torch.autograd.grad(outcome, leaf, rows, create_graph=rows.requires_grad)[0]

    def absolute(self) -> "Averaging":
        """See :class:`LinearMap`: itself."""
        return self


def rows_of(one: LinearMap, places: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the rows (s, ...) of a map that make the outcomes ``places`` (s,), of all of ``shape``, flat.

    What the transpose makes of as many unit vectors: of matrices and convolutions, written down without a product.
    """
    if isinstance(one, Dense):
        return one.weight[places]
    if isinstance(one, Convolution):
        return _taps(one, places, shape)
    units = torch.zeros(len(places), prod(shape), dtype=torch.float64, device=places.device)
    units[torch.arange(len(places), device=places.device), places] = 1.0
    return one.transposed(units.reshape(-1, *shape))


def _taps(one: Convolution, places: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    outputs, inputs, *taps = one.weight.shape
    size = one.shape[1:]
    channel = places // prod(shape[1:])
    # for each tap, which of the input's positions it lies on, and whether that is inside
    at = torch.zeros(len(places), 1, dtype=torch.int64, device=places.device)
    inside = torch.ones_like(at, dtype=torch.bool)
    rest = places % prod(shape[1:])
    for axis, length in enumerate(size):
        step = prod(shape[axis + 2 :])
        start = (rest // step) * one.stride[axis] - one.padding[axis]
        rest = rest % step
        along = start[:, None] + torch.arange(taps[axis], device=places.device) * one.dilation[axis]
        valid = (along >= 0) & (along < length)
        at = (at[:, :, None] * length + along.clamp(0, length - 1)[:, None]).flatten(1)
        inside = (inside[:, :, None] & valid[:, None]).flatten(1)
    first = (channel // (outputs // one.groups)) * inputs
    channels = first[:, None] + torch.arange(inputs, device=places.device)
    index = channels[:, :, None] * prod(size) + at[:, None]
    values = one.weight[channel].flatten(2) * inside[:, None]
    rows = torch.zeros(len(places), prod(one.shape), dtype=torch.float64, device=places.device)
    return rows.scatter_add(1, index.flatten(1), values.flatten(1)).reshape(-1, *one.shape)
