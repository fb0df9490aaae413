"""How strongly a layer answers at each frequency, and along each singular direction: what lies behind its norm."""

import numpy as np
import torch
import xarray as xr
from scipy.sparse.linalg import svds
from torch import nn

from blindspots.arguments import of_numpy_too
from blindspots.errors import InputError
from blindspots.spectral.convolution.geometry import checked_kernel, each
from blindspots.spectral.convolution.lag_kernel import lag_kernel, polyphase
from blindspots.spectral.convolution.peak import largest
from blindspots.spectral.matrix.values import checked_values

GRID, SINGULAR_VALUES = 24, 100

_WHOLE = 1024
"""Rows or columns up to which all singular values are computed; of larger matrices those that are asked for."""


@of_numpy_too
def layer_spectra(model: nn.Module, *, grid: int = GRID, count: int = SINGULAR_VALUES) -> xr.Dataset:
    """Return :func:`conv_spectrum` of every two-dimensional convolution, :func:`linear_spectrum` of every linear layer.

    ``norm (convolution, frequency_y, frequency_x)`` and ``singular_value (linear, index)``, NaN beyond a matrix's
    last; layers go by their names in ``model``, in the order in which they were put there. Either is absent where there
    is no such layer. Raises :class:`InputError` for a model that has neither.
    """
    convolutions = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    linears = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    if not convolutions and not linears:
        raise InputError(f"the model, one {type(model).__name__}, has no convolution and no linear layer to show")
    found = xr.Dataset(attrs={"grid": grid})
    if convolutions:
        maps = [
            conv_spectrum(layer.weight, stride=layer.stride, dilation=layer.dilation, groups=layer.groups, grid=grid)
            for layer in convolutions.values()
        ]
        found["norm"] = xr.concat(maps, xr.Variable("convolution", _texts(convolutions)))
    if linears:
        values = [linear_spectrum(layer.weight, count=count) for layer in linears.values()]
        found["singular_value"] = xr.concat(values, xr.Variable("linear", _texts(linears)), join="outer")
    return found


@of_numpy_too
def conv_spectrum(
    weight: torch.Tensor,
    *,
    stride: int | tuple[int, ...] = 1,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    grid: int | tuple[int, ...] = GRID,
) -> xr.DataArray:
    """Return the norm of a convolution's transfer matrix at ``grid`` frequencies along each axis (section 4.3).

    ``weight``: (D, C / groups, height, width). At a frequency, in cycles per output pixel in [-1/2, 1/2) along
    ``frequency_y`` and ``frequency_x``, the circular layer maps the C maps at the input's frequencies that a stride
    leaves alike, the aliases, to D maps: equation (1) with the normaliser that is right, 1 / stride (the slip of that
    name), which for strides of their own along the axes is the root of their product. The largest value is the norm of
    the circular layer on an input of grid x stride pixels a side. A zero-padded layer's is none of them, but near the
    largest.

    In float64. Raises :class:`InputError` for a weight that is no kernel or not finite, groups that do not divide its
    maps, and strides, dilations and grids below 1.
    """
    strides, dilations, grids = (
        each(name, value, 2, least=1) for name, value in (("stride", stride), ("dilation", dilation), ("grid", grid))
    )
    if weight.dim() != 4:
        raise InputError(
            f"weight has shape {tuple(weight.shape)}; a kernel (out, in / groups, height, width) is needed"
        )
    taps = polyphase(checked_kernel(weight, groups), strides, dilations, groups)
    nu = [torch.fft.fftfreq(size, dtype=torch.float64, device=weight.device) for size in grids]
    half = grids[0] // 2 + 1  # the others follow: a real kernel's norm is even
    norm = torch.zeros(half, grids[1], dtype=torch.float64, device=weight.device)
    if len(taps.taps):  # those that are zero are left out
        squares = largest(lag_kernel(taps), torch.cartesian_prod(nu[0][:half], nu[1])).amax(1)
        norm = squares.clamp_min(0).sqrt().view_as(norm)
    opposite = [-torch.arange(size, device=weight.device) % size for size in grids]
    norm = torch.cat([norm, norm[opposite[0][half:]][:, opposite[1]]])
    values = torch.fft.fftshift(norm).cpu().numpy()
    about = {"long_name": "frequency", "units": "cycles per output pixel"}
    return xr.DataArray(
        values,
        dims=("frequency_y", "frequency_x"),
        coords={
            dim: (dim, torch.fft.fftshift(along).cpu().numpy(), about)
            for dim, along in zip(("frequency_y", "frequency_x"), nu, strict=True)
        },
        name="norm",
        attrs={"long_name": "largest singular value of the circular layer's transfer matrix", "units": "1"},
    )


@of_numpy_too
def linear_spectrum(weight: torch.Tensor, *, count: int = SINGULAR_VALUES) -> xr.DataArray:
    """Return the ``count`` largest singular values of ``weight`` (outputs, inputs), or all that there are; falling.

    Raises :class:`InputError` for a weight that is no matrix or not finite.
    """
    if weight.dim() != 2 or not weight.numel() or count < 1:
        raise InputError(f"{count} singular values of a weight of shape {tuple(weight.shape)}: a matrix is wanted")
    matrix = checked_values(weight)
    small = min(matrix.shape)
    if small <= _WHOLE or count >= small // 2:
        values = torch.linalg.svdvals(matrix.double()).cpu().numpy()[:count]
    else:
        start = np.random.default_rng(0).standard_normal(small, np.float32)
        found = svds(matrix.float().cpu().numpy(), k=count, v0=start, return_singular_vectors=False)
        values = np.sort(found)[::-1].astype(np.float64)
    return xr.DataArray(
        values.copy(),
        dims="index",
        coords={"index": ("index", np.arange(1, len(values) + 1), {"long_name": "place in falling order"})},
        name="singular_value",
        attrs={"long_name": "singular value", "units": "1"},
    )


def _texts(names: dict[str, nn.Conv2d] | dict[str, nn.Linear]) -> np.ndarray:
    return np.array(list(names), dtype=np.dtypes.StringDType())
