"""What a stage of QuocNet is trained for: to rebuild its input from sparse codes (Le et al. 2011, equation (1)).

For inputs x, filters W and codes a = W x, averaged over the inputs::

    |x - V' a|^2 + sparsity * sum over windows of sqrt(eps + sum of a^2 in the window)

where the windows are those of L2 pooling. With the encoder W and the decoder V both free this is degenerate, which the
paper does not say: the encoder shrinks and the decoder grows, the penalty costs nothing, and filters stay noise. So the
two are one ("tied"), or the encoder's filters are held at unit norm ("unit-norm"). And the windows of the penalty reach
beyond the map, so that every place is in as many: inside the map alone, those in the middle pay up to 25 times what
those at the border pay, and die.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from blindspots.networks.local_filtering import add_correlations, decode, encode
from blindspots.networks.quocnet import POOLING_EPS
from blindspots.training.layerwise.tile import Tile, within

ENCODER, DECODER = "filters", "decoder"
"""The names of the weights: the filters of the network, and those that draw its input where they are others."""

Weights = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Forward:
    """What a tile makes of its inputs; the first is its own, the others are summed with its neighbours'."""

    codes: torch.Tensor
    """(n, maps, rows, columns) of the tile's places."""
    decoded: torch.Tensor
    """(n, channels, height, width) of the tile's pixels: what its codes add to the picture."""
    energy: torch.Tensor
    """(n, maps, rows, columns) of the tile's windows: the sum of its codes' squares in each."""


@dataclass(frozen=True)
class Losses:
    """The two parts of the objective, per input, over what is a tile's own."""

    reconstruction: float
    penalty: float

    @property
    def total(self) -> float:
        """The objective."""
        return self.reconstruction + self.penalty


def forward(weights: Weights, inputs: torch.Tensor, tile: Tile) -> Forward:
    """Return a tile's codes of ``inputs`` (n, channels, height, width), those of its pixels, and its parts."""
    shape = tile.shape
    codes = encode(weights[ENCODER], inputs, stride=shape.stride)
    drawn = decode(_decoder(weights), codes, channels=shape.channels, stride=shape.stride)
    return Forward(codes, drawn, window_sums(codes.square(), shape.pool))


def losses(residual: torch.Tensor, energy: torch.Tensor, tile: Tile, *, sparsity: float) -> Losses:
    """Return the objective over what is the tile's own, of all tiles' sums.

    ``residual``: what the picture lacks of the input, of the tile's pixels; ``energy``: of its windows.
    """
    rows, columns = within(tile.own_pixels, tile.pixels)
    wrong = residual[:, :, rows, columns].double().square().sum() / len(residual)
    rows, columns = within(tile.own_windows, tile.windows)
    sums = (energy[:, :, rows, columns].double() + POOLING_EPS).sqrt().sum() / len(energy)
    return Losses(float(wrong), sparsity * float(sums))


def gradients(
    weights: Weights,
    inputs: torch.Tensor,
    codes: torch.Tensor,
    *,
    residual: torch.Tensor,
    energy: torch.Tensor,
    tile: Tile,
    sparsity: float,
) -> dict[str, torch.Tensor]:
    """Return the gradient of the objective with respect to each of a tile's weights.

    ``residual`` and ``energy``: as for :func:`losses`; ``codes``: the tile's own.
    """
    shape = tile.shape
    scale = 2 / len(inputs)
    of_codes = scale * encode(_decoder(weights), residual, stride=shape.stride)
    slopes = (energy + POOLING_EPS).rsqrt()
    of_codes += sparsity / len(inputs) * codes * place_sums(slopes, shape.pool)
    found = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    add_correlations(found[ENCODER], of_codes, inputs, stride=shape.stride)
    add_correlations(found.get(DECODER, found[ENCODER]), scale * codes, residual, stride=shape.stride)
    return found


def window_sums(maps: torch.Tensor, pool: int) -> torch.Tensor:
    """Return the sums over all windows that hold any place of ``maps``: pool - 1 more than places, each way."""
    return torch.nn.functional.avg_pool2d(
        torch.nn.functional.pad(maps, (pool - 1,) * 4), pool, stride=1, divisor_override=1
    )


def place_sums(windows: torch.Tensor, pool: int) -> torch.Tensor:
    """Return for every place the sum over the windows that hold it; the adjoint of :func:`window_sums`."""
    return torch.nn.functional.avg_pool2d(windows, pool, stride=1, divisor_override=1)


def _decoder(weights: Weights) -> torch.Tensor:
    return weights.get(DECODER, weights[ENCODER])
