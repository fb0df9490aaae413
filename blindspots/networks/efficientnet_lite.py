"""EfficientNet-Lite (2020): small classifiers of ImageNet's pictures whose weights are under a free licence."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

_STAGES = ((3, 1, 16), (3, 2, 24), (5, 2, 40), (3, 2, 80), (5, 1, 112), (5, 2, 192), (3, 1, 320))
"""Kernel, stride of the first block, and maps of every stage."""
_STEM, _HEAD, _WIDER, _EPS = 32, 1280, 6, 1e-3


class EfficientNetLite(nn.Module):
    """Depthwise convolutions between pointwise ones, rectified at 6, with batch norms; images in, logits out.

    Takes images (n, 3, height, width) in [0, 1], red first; multiplies them by 255, subtracts 127 and divides by 128,
    as its weights expect; returns (n, ``classes``), or for None the (n, 1280) values before the last layer. The
    parameters have the names of the published files, which may lack the batch norms' counters. Nothing is padded at a
    stride of 2 that TensorFlow does not pad: an even side gets one row or column more behind it than before it.

    ``blocks``: how many there are in each of the seven stages. The weights are those of torch's own random draws.
    """

    def __init__(self, classes: int | None = 1000, *, blocks: Sequence[int]) -> None:
        super().__init__()
        self._conv_stem = _convolution(3, _STEM, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(_STEM, eps=_EPS)
        maps = _STEM
        made: list[_Block] = []
        for (kernel, stride, width), count in zip(_STAGES, blocks, strict=True):
            for index in range(count):
                wider = maps if not made else _WIDER * maps
                made.append(_Block(maps, wider, width, kernel, stride=stride if index == 0 else 1))
                maps = width
        self._blocks = nn.Sequential(*made)
        self._conv_head = nn.Conv2d(maps, _HEAD, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(_HEAD, eps=_EPS)
        self._fc = nn.Identity() if classes is None else nn.Linear(_HEAD, classes)
        self.relu6 = nn.ReLU6()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, classes) of images (n, 3, height, width) in [0, 1]."""
        maps = (images * 255 - 127) / 128
        maps = self.relu6(self._bn0(self._conv_stem(_same(maps, self._conv_stem))))
        maps = self.relu6(self._bn1(self._conv_head(self._blocks(maps))))
        logits: torch.Tensor = self._fc(maps.mean((2, 3)))
        return logits


class EfficientNetLite0(EfficientNetLite):
    """The smallest of them, for images of 224 x 224."""

    input_shape = (3, 224, 224)

    def __init__(self, classes: int | None = 1000) -> None:
        super().__init__(classes, blocks=(1, 2, 2, 3, 3, 4, 1))


class EfficientNetLite1(EfficientNetLite):
    """The next, with five blocks more, for images of 240 x 240."""

    input_shape = (3, 240, 240)

    def __init__(self, classes: int | None = 1000) -> None:
        super().__init__(classes, blocks=(1, 3, 3, 4, 4, 5, 1))


class _Block(nn.Module):
    """An inverted residual: wider by a pointwise convolution, a depthwise one, and narrow again; added where it fits.

    The first block is not made wider.
    """

    def __init__(self, maps: int, wider: int, width: int, kernel: int, *, stride: int) -> None:
        super().__init__()
        self.expands = wider != maps
        if self.expands:
            self._expand_conv = nn.Conv2d(maps, wider, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wider, eps=_EPS)
        self._depthwise_conv = _convolution(wider, wider, kernel, stride=stride, groups=wider)
        self._bn1 = nn.BatchNorm2d(wider, eps=_EPS)
        self._project_conv = nn.Conv2d(wider, width, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(width, eps=_EPS)
        self.adds = stride == 1 and maps == width
        self.relu6 = nn.ReLU6()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the maps (n, width, ...), of half the height and width where the stride is 2."""
        maps: torch.Tensor = self.relu6(self._bn0(self._expand_conv(inputs))) if self.expands else inputs
        maps = self.relu6(self._bn1(self._depthwise_conv(_same(maps, self._depthwise_conv))))
        maps = self._bn2(self._project_conv(maps))
        return maps + inputs if self.adds else maps


def _convolution(inputs: int, outputs: int, kernel: int, *, stride: int, groups: int = 1) -> nn.Conv2d:
    """Return a convolution that pads by itself where its stride is 1; else :func:`_same` pads before it."""
    padding = kernel // 2 if stride == 1 else 0
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, groups=groups, bias=False)


def _same(maps: torch.Tensor, layer: nn.Conv2d) -> torch.Tensor:
    """Pad as TensorFlow's "SAME": so that a stride s gives ceil(size / s) outputs, the odd one behind."""
    kernel, stride = layer.kernel_size[0], layer.stride[0]
    if stride == 1:
        return maps
    height, width = (_margins(maps.shape[axis], kernel, stride) for axis in (2, 3))
    padded: torch.Tensor = F.pad(maps, (*width, *height))
    return padded


def _margins(size: Any, kernel: int, stride: int) -> tuple[Any, Any]:
    """Return what is padded before and behind ``size`` values; for a kernel that is no smaller than the stride."""
    total = kernel - stride + -size % stride
    return total // 2, total - total // 2
