"""A convolution as a linear operator: it, its adjoint and its dense matrix, computed by torch as the layer is."""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from blindspots.spectral.convolution.geometry import Geometry

_CONVOLUTION: tuple[Any, ...] = (F.conv1d, F.conv2d, F.conv3d)
_ADJOINT: tuple[Any, ...] = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


@dataclass(frozen=True)
class ConvOperator:
    """The convolution of ``weight`` (out, in / groups, \\*kernel) with a geometry, from images to images."""

    weight: torch.Tensor
    geometry: Geometry

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return (in, \\*size)."""
        return self.weight.shape[1] * self.geometry.groups, *self.geometry.input_size

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Return (out, \\*size)."""
        return self.weight.shape[0], *self.geometry.output_size

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """Return the convolution of images (n, in, \\*size)."""
        geometry = self.geometry
        convolution = _CONVOLUTION[len(geometry.axes) - 1]
        padded = self._extended(images)
        result: torch.Tensor = convolution(
            padded, self.weight, stride=geometry.stride, dilation=geometry.dilation, groups=geometry.groups
        )
        return result

    def adjoint(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the adjoint makes of images (n, out, \\*size)."""
        geometry = self.geometry
        padded: torch.Tensor = _ADJOINT[len(geometry.axes) - 1](
            images,
            self.weight,
            stride=geometry.stride,
            output_padding=0,
            groups=geometry.groups,
            dilation=geometry.dilation,
        )
        # what the last outputs don't reach is zero
        padded = F.pad(padded, _flat([(0, axis.unread) for axis in geometry.axes]))
        if geometry.mode == "zeros":
            return F.pad(padded, _flat([(-axis.before, -axis.after) for axis in geometry.axes]))
        for index, axis in enumerate(geometry.axes):
            sources = torch.tensor(axis.sources(geometry.mode), device=padded.device)
            shape = list(padded.shape)
            shape[index + 2] = axis.size
            padded = padded.new_zeros(shape).index_add(index + 2, sources, padded)
        return padded

    def group(self, indices: list[int]) -> "ConvOperator":
        """Return the operator of some of the groups, which share neither inputs nor outputs with the others."""
        kernels = self.weight.unflatten(0, (self.geometry.groups, -1))[indices].flatten(0, 1)
        return ConvOperator(kernels, Geometry(self.geometry.axes, len(indices), self.geometry.mode))

    @property
    def dense_size(self) -> int:
        """Return the number of entries of all groups' dense matrices."""
        groups = self.geometry.groups
        return math.prod(self.input_shape) // groups * math.prod(self.output_shape)

    def dense(self) -> torch.Tensor:
        """Return the groups' dense matrices (groups, outputs, inputs)."""
        groups = self.geometry.groups
        inputs = self.weight.shape[1] * math.prod(self.geometry.input_size)
        units = torch.eye(inputs, dtype=self.weight.dtype, device=self.weight.device)
        images = units.view(inputs, 1, -1).expand(-1, groups, -1).reshape(inputs, *self.input_shape)
        return self.apply(images).reshape(inputs, groups, -1).permute(1, 2, 0)

    def _extended(self, images: torch.Tensor) -> torch.Tensor:
        geometry = self.geometry
        if geometry.mode == "zeros":
            pads = [(axis.before, axis.after) for axis in geometry.axes]
            return F.pad(images, _flat(pads)) if any(any(pair) for pair in pads) else images
        for index, axis in enumerate(geometry.axes):
            sources = torch.tensor(axis.sources(geometry.mode), device=images.device)
            images = images.index_select(index + 2, sources)
        return images


def _flat(pads: list[tuple[int, int]]) -> list[int]:
    """Return pairs of padding as :func:`torch.nn.functional.pad` wants them: the last axis first."""
    return [value for pair in reversed(pads) for value in pair]
