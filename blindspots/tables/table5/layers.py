"""What Table 5 needs of an AlexNet: the bounds of its layers, in two units, beside figures that are no bounds."""

import copy
import math
from collections.abc import Iterator

import numpy as np
import torch
import xarray as xr
from torch import nn

from blindspots.errors import InputError
from blindspots.models.opening import OpenedModel
from blindspots.networks.alexnet import AlexNet, per_pixel_kernel
from blindspots.networks.alexnet_2012 import AlexNet2012
from blindspots.spectral.rules.rules import layer_bound
from blindspots.spectral.spectrum import conv_spectrum

_COLUMNS = ("lower", "upper", "lower_per_pixel", "upper_per_pixel", "printed", "corrected", "reshaped")
_WITHOUT_EFFECT = (nn.Identity, nn.Dropout)
_SHOWN = {nn.Conv2d: "Conv", nn.LocalResponseNorm: "Norm", nn.MaxPool2d: "Pool", nn.Linear: "FC"}


def alexnet_layers(opened: OpenedModel, bounds: xr.Dataset) -> xr.Dataset:
    """Return the layers of an AlexNet as Table 5 calls them (row: Conv 1, Pool 1, ..., FC 3), with their bounds.

    ``bounds``: what :func:`~blindspots.spectral.network.network_bounds` returns of ``opened.model``. Of every
    layer but rectification and dropout: ``lower`` and ``upper`` of its Lipschitz constant on the input as it is fed,
    that is normalised; the same ``per_pixel``, of the image in [0, 1], from which the first layer alone differs: the
    input's scale is in its kernel. And, to be compared, of a convolution ``printed`` and ``corrected``, equation (1)
    with the paper's normaliser and with the right one (slip "equation (1)"), for a circular layer of the input's own
    size, rounded up to a multiple of the stride; ``reshaped``, the norm of the kernel as a matrix (outputs, the rest),
    as in torch's ``spectral_norm``. None of these is a bound of the layer. NaN where there is nothing to say.

    The attributes ``product`` and ``product_per_pixel`` are upper bounds of all that the model has, rounded up.

    Raises :class:`InputError` for a model that is no AlexNet, or bounds that lack one of its layers.
    """
    model = opened.model
    if not isinstance(model, AlexNet | AlexNet2012):
        raise InputError(
            f"{opened.name} is no AlexNet, and Table 5 is about one; network_bounds has the layers of others"
        )
    found = {str(name): bounds.sel(layer=name) for name in bounds["layer"].values}
    rows: dict[str, dict[str, str | float]] = {}
    products = [1.0, 1.0]
    number = 0
    for name, layer in _layers(model):
        if isinstance(layer, _WITHOUT_EFFECT):
            continue
        if name not in found:
            raise InputError(f"the bounds lack the layer {name}; make them with network_bounds of the same model")
        if isinstance(layer, nn.Conv2d):
            number += 1
        row = _row(layer, found[name])
        if number == 1 and isinstance(layer, nn.Conv2d):
            per_pixel = layer_bound(_of_pixels(layer, model), (layer.in_channels, *_input_size(found[name])))
            row |= {"lower_per_pixel": per_pixel.lower, "upper_per_pixel": per_pixel.upper}
        products = [
            math.nextafter(total * float(row[column]), math.inf)
            for total, column in zip(products, ("upper", "upper_per_pixel"), strict=True)
        ]
        if type(layer) in _SHOWN:
            place = sum(key.startswith("FC") for key in rows) + 1 if isinstance(layer, nn.Linear) else number
            rows[f"{_SHOWN[type(layer)]} {place}"] = {"layer": name, **row}
    rows |= {f"FC {index + 1}": {"layer": name} for index, name in enumerate(opened.missing)}
    return _dataset(rows, opened, products)


def _layers(model: AlexNet | AlexNet2012) -> Iterator[tuple[str, nn.Module]]:
    """Return the layers in the order in which they run, which is the one in which they were put there."""
    return ((name, layer) for name, layer in model.named_modules() if not list(layer.children()))


def _of_pixels(first: nn.Conv2d, model: AlexNet | AlexNet2012) -> nn.Conv2d:
    """Return the first convolution with the input's scale in its kernel, in float64."""
    result = copy.deepcopy(first).double()
    with torch.no_grad():
        result.weight.copy_(per_pixel_kernel(first.weight, model.input_scale))
    return result


def _row(layer: nn.Module, bound: xr.Dataset) -> dict[str, str | float]:
    lower, upper = float(bound["lower"]), float(bound["upper"])
    row: dict[str, str | float] = {"lower": lower, "upper": upper, "lower_per_pixel": lower, "upper_per_pixel": upper}
    if isinstance(layer, nn.Linear):
        row |= {"size": f"{layer.in_features} x {layer.out_features}"}
    if isinstance(layer, nn.MaxPool2d):
        row |= {"size": f"{layer.kernel_size} x {layer.kernel_size}", "stride": str(layer.stride)}
    if isinstance(layer, nn.LocalResponseNorm):
        row |= {"size": f"{layer.size} maps"}
    if isinstance(layer, nn.Conv2d):
        height, width = layer.kernel_size
        groups = f", {layer.groups} groups" if layer.groups > 1 else ""
        stride = layer.stride[0]
        grid = tuple(-(-size // stride) for size in _input_size(bound))
        corrected = float(conv_spectrum(layer.weight, stride=layer.stride, groups=layer.groups, grid=grid).max())
        row |= {
            "size": f"{layer.in_channels} x {height} x {width} x {layer.out_channels}{groups}",
            "stride": str(stride),
            "printed": corrected / stride,
            "corrected": corrected,
            "reshaped": float(torch.linalg.matrix_norm(layer.weight.detach().double().flatten(1), 2)),
        }
    return row


def _input_size(bound: xr.Dataset) -> tuple[int, ...]:
    """Return height and width out of the text ``3x224x224``."""
    return tuple(int(size) for size in str(bound["input_shape"].item()).split("x"))[1:]


def _dataset(rows: dict[str, dict[str, str | float]], opened: OpenedModel, products: list[float]) -> xr.Dataset:
    def text(column: str) -> np.ndarray:
        return np.array([str(row.get(column, "")) for row in rows.values()], dtype=np.dtypes.StringDType())

    return xr.Dataset(
        {
            **{column: ("row", text(column)) for column in ("layer", "size", "stride")},
            **{column: ("row", [float(row.get(column, math.nan)) for row in rows.values()]) for column in _COLUMNS},
        },
        coords={"row": np.array(list(rows), dtype=np.dtypes.StringDType())},
        attrs={
            "network": opened.name,
            "input_shape": "x".join(map(str, opened.input_shape)),
            "missing": list(opened.missing),
            "product": products[0],
            "product_per_pixel": products[1],
        },
    )
