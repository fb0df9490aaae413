"""Where a convolution's taps fall: sizes, strides and padding, axis by axis, checked before any work."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from blindspots.arguments import check_dense, numbers_of
from blindspots.errors import InputError
from blindspots.spectral.matrix.values import checked_values

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True)
class Axis:
    """One axis of a convolution: output i meets the input at ``stride * i + dilation * t - before`` for every tap t."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    """Padding after the input; negative where the last values of the input are never read."""

    @property
    def reach(self) -> int:
        """Return how far the last tap lies from the first."""
        return self.dilation * (self.kernel - 1)

    @property
    def padded(self) -> int:
        """Return the length of the padded input."""
        return self.size + self.before + self.after

    @property
    def outputs(self) -> int:
        """Return the number of outputs."""
        return (self.padded - self.reach - 1) // self.stride + 1

    @property
    def unread(self) -> int:
        """Return how many values at the end of the padded input no output reads."""
        return (self.padded - self.reach - 1) % self.stride

    @property
    def extended(self) -> "Axis":
        """Return the same axis with the padding, whatever its values, as part of the input."""
        return Axis(self.padded, self.kernel, self.stride, self.dilation, 0, 0)

    @property
    def coarse_grid(self) -> int:
        """Return the least L such that zero padding is a part of the circular convolution on ``L * stride`` points.

        Outputs that read padding alone are zero and don't count. On M points the others read what they read without
        wrapping if what lies before the input and what lies after it, both being zero, wrap into the M - n points
        left over: ``M >= n + max(before, after)``. Where the outputs don't read the whole input, n is what they read.
        This is the slip "input grid"'s ``n + p``, for every case. There is room for the outputs: the first tap of the
        last lies in the input, so that ``stride * (outputs - 1) < n + before``.
        """
        first = max(0, -((self.reach - self.before) // self.stride))
        last = min(self.outputs - 1, (self.size - 1 + self.before) // self.stride)
        if last < first:
            return 1  # nothing but padding is read
        before = max(0, self.before - self.stride * first)
        end = self.stride * last + self.reach - self.before  # the last place that is read
        read = min(self.size, end + 1)
        after = max(0, end + 1 - self.size)
        return -(-(read + max(before, after)) // self.stride)

    @property
    def read_taps(self) -> list[bool]:
        """Return which taps ever meet the input rather than padding."""
        starts = [self.stride * output - self.before for output in range(self.outputs)]
        return [any(0 <= start + self.dilation * tap < self.size for start in starts) for tap in range(self.kernel)]

    def sources(self, mode: str) -> list[int]:
        """Return which input value each place of the padded input copies, for any mode but zeros."""
        places = range(-self.before, self.size + self.after)
        if mode == "replicate":
            return [min(max(place, 0), self.size - 1) for place in places]
        if mode == "circular":
            return [place % self.size for place in places]
        period = max(2 * (self.size - 1), 1)
        return [min(place % period, period - place % period) if self.size > 1 else 0 for place in places]


@dataclass(frozen=True)
class Geometry:
    """A convolution without its weights: one axis for each dimension, the groups and the padding mode."""

    axes: tuple[Axis, ...]
    groups: int
    mode: str

    @property
    def input_size(self) -> tuple[int, ...]:
        """Return the input's size."""
        return tuple(axis.size for axis in self.axes)

    @property
    def output_size(self) -> tuple[int, ...]:
        """Return the output's size."""
        return tuple(axis.outputs for axis in self.axes)

    @property
    def repeats(self) -> int:
        """Return how often the padded input repeats one value at most."""
        return math.prod(_copies(axis, self.mode) for axis in self.axes)

    @property
    def extension(self) -> float:
        """Return the norm of padding the input: the root of how often it repeats a value, rounded up."""
        return math.sqrt(self.repeats) * (1 + 1e-15) if self.repeats > 1 else 1.0

    @property
    def stride(self) -> tuple[int, ...]:
        """Return the strides."""
        return tuple(axis.stride for axis in self.axes)

    @property
    def dilation(self) -> tuple[int, ...]:
        """Return the dilations."""
        return tuple(axis.dilation for axis in self.axes)


def checked_kernel(weight: torch.Tensor, groups: int) -> torch.Tensor:
    """Return ``weight`` (out, in / groups, \\*kernel) without its gradient, if it is a kernel of ``groups`` groups.

    Raises:
        InputError: wrong dimensions, an empty kernel, values that aren't finite or groups that don't divide.
    """
    check_dense("weight", weight)
    if weight.dim() not in (3, 4, 5):
        raise InputError(f"weight has shape {tuple(weight.shape)}; a kernel (out, in / groups, 1 to 3 sizes) is needed")
    if not weight.numel():
        raise InputError(f"weight has shape {tuple(weight.shape)}, which is empty")
    if not isinstance(groups, int) or groups < 1 or weight.shape[0] % groups:
        raise InputError(f"groups = {groups}: a positive integer that divides {weight.shape[0]} is needed")
    return checked_values(weight)


def conv_geometry(
    kernel: Sequence[int],
    input_size: Sequence[int],
    *,
    stride: int | Sequence[int],
    padding: int | str | Sequence[int],
    dilation: int | Sequence[int],
    groups: int,
    padding_mode: str,
) -> Geometry:
    """Return the geometry of a convolution with ``torch.nn.Conv``'s arguments.

    Raises:
        InputError: naming the argument that doesn't fit.
    """
    dims = len(kernel)
    size = each("input_size", input_size, dims, least=1)
    strides = each("stride", stride, dims, least=1)
    dilations = each("dilation", dilation, dims, least=1)
    if padding_mode not in PADDING_MODES:
        raise InputError(f"padding_mode = {padding_mode!r}: one of {', '.join(PADDING_MODES)} is needed")
    if padding == "same" and any(value != 1 for value in strides):
        raise InputError(f"padding = 'same' with stride = {strides}: it needs stride 1")
    axes = []
    for index, (n, k, s, d) in enumerate(zip(size, kernel, strides, dilations, strict=True)):
        before, after = _sides(padding, index, dims, d * (k - 1))
        axis = Axis(n, k, s, d, before, after)
        if axis.padded < axis.reach + 1:
            raise InputError(
                f"input_size = {size}: with padding {before} + {after} axis {index} has {axis.padded} values, "
                f"fewer than the {axis.reach + 1} that the kernel spans"
            )
        limit = {"reflect": n - 1, "circular": n}.get(padding_mode)
        if limit is not None and max(before, after) > limit:
            raise InputError(f"padding = {max(before, after)}: {padding_mode} padding of {n} values is at most {limit}")
        axes.append(axis)
    mode = padding_mode if any(axis.before or axis.after for axis in axes) else "zeros"
    return Geometry(tuple(axes), groups, mode)


def transposed_geometry(
    kernel: Sequence[int],
    input_size: Sequence[int],
    *,
    stride: int | Sequence[int],
    padding: int | Sequence[int],
    output_padding: int | Sequence[int],
    dilation: int | Sequence[int],
    groups: int,
) -> Geometry:
    """Return the geometry of the convolution whose adjoint a transposed convolution is, with torch's arguments.

    That convolution's input is the transposed one's output. Its padding after the input is ``padding -
    output_padding``, with which it has exactly as many outputs as the transposed convolution has inputs.

    Raises:
        InputError: naming the argument that doesn't fit.
    """
    dims = len(kernel)
    size = each("input_size", input_size, dims, least=1)
    strides, dilations = each("stride", stride, dims, least=1), each("dilation", dilation, dims, least=1)
    paddings = each("padding", padding, dims, least=0)
    extras = each("output_padding", output_padding, dims, least=0)
    axes = []
    for n, k, s, d, p, extra in zip(size, kernel, strides, dilations, paddings, extras, strict=True):
        if extra >= max(s, d):
            raise InputError(f"output_padding = {extra}: less than stride {s} or dilation {d} is needed")
        outputs = (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        if outputs < 1:
            raise InputError(f"input_size = {size}: with padding {p} the output has {outputs} values; 1 is the least")
        axes.append(Axis(outputs, k, s, d, p, p - extra))
    return Geometry(tuple(axes), groups, "zeros")


def each(name: str, value: int | Sequence[int], dims: int, *, least: int) -> tuple[int, ...]:
    """Return an argument that is one integer for all axes or one for each, as a tuple."""
    value = numbers_of(value)
    values = tuple(value) if isinstance(value, Sequence) else (value,) * dims
    whole = all(isinstance(item, int) and not isinstance(item, bool) for item in values)
    if isinstance(value, str) or len(values) != dims or not whole or min(values) < least:
        raise InputError(f"{name} = {value}: {dims} integer{'s'[: dims > 1]} of at least {least} needed")
    return values


def taps(kernel: Sequence[int]) -> int:
    """Return the number of taps."""
    return math.prod(kernel)


def _sides(padding: int | str | Sequence[int], index: int, dims: int, reach: int) -> tuple[int, int]:
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise InputError(f"padding = {padding!r}: integers, 'same' or 'valid' needed")
        return (0, 0) if padding == "valid" else (reach // 2, reach - reach // 2)
    value = each("padding", padding, dims, least=0)[index]
    return value, value


def _copies(axis: Axis, mode: str) -> int:
    if mode == "zeros":
        return 1
    return max(Counter(axis.sources(mode)).values())
