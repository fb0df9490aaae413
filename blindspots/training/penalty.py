"""The paper's proposal: a penalty on the bound that a network's layers give of its Lipschitz constant (section 4.3).

"Small bounds guarantee that no such examples can appear", so the paper proposes to penalise each layer's, and leaves
open whether that improves the test error. With L the product of the layers' bounds, to which a sigmoid adds 1/4 (the
slip "sigmoids"), what is added to the loss is ``strength * log(1 + L)``. The logarithm makes the objective the product:
it asks of every layer the same relative fall, where a sum of norms asks most of the largest, which costs the product
least. The 1 bounds it below: log L alone would reward weights that go to zero without end. With s_k a layer's norm and
u_k, v_k its singular pair, the slope is ``strength * L / (1 + L) * u_k v_k' / s_k``.

The norm is not smooth where several singular values are largest, and there it soon is: the penalty lowers the largest
until many are alike. Full-batch L-BFGS stops short at such a kink, so its norms are Schatten's of order 100 in place of
the largest value: smooth bounds of it, at most a few percent above. Minibatches, which average over a kink as over the
images, follow each layer's one pair by power steps on the operator that the layer is, its padding and stride included;
the vectors go from one minibatch to the next.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional, grad

from blindspots.errors import InputError
from blindspots.randomness import generator

_SLOPES: dict[type[nn.Module], float] = {nn.Sigmoid: 0.25, nn.Tanh: 1.0, nn.ReLU: 1.0, nn.Flatten: 1.0}
_ORDER = 100
"""Of Schatten's norm: L-BFGS takes it as well as 32, and the bound is nearer."""
_STEPS = 2
"""Power steps a minibatch."""
_FIRST_STEPS = 50
"""Power steps before the first minibatch, from a random vector."""

_conv2d_input: Callable[..., torch.Tensor] = grad.conv2d_input

Directions = dict[str, torch.Tensor]
"""Each layer's right singular vector, (1, ...) like one of its inputs, of length 1, by the layer's place."""


@dataclass(frozen=True)
class SmoothNorm:
    """A bound of a matrix's operator norm that is smooth in the matrix."""

    value: float
    """Schatten's norm ``(sum s_i^p)^(1/p)`` of the singular values, p = 100: the largest at least, and at most
    ``rank^(1/p)`` times it (1.047 for 100 values that are all alike)."""
    gradient: torch.Tensor
    """By the matrix, like it, float64: ``sum (s_i / value)^(p - 1) u_i v_i'``."""


def smooth_norm(matrix: torch.Tensor) -> SmoothNorm:
    """Return the smooth bound of the operator norm of ``matrix`` (a, b), in float64.

    From the smaller Gram matrix: rounding takes digits from the small singular values alone, which count for nothing.
    A matrix of zeros has zeros; one that is not finite, where a line search went too far, has NaN.
    """
    values = matrix.detach().double()
    if not values.isfinite().all():  # no decomposition would be found
        return SmoothNorm(math.nan, torch.full_like(values, math.nan))
    turned = values.shape[0] > values.shape[1]
    wide = values.t() if turned else values
    squares, left = torch.linalg.eigh(wide @ wide.t())  # A A' = U s^2 U'
    sizes = squares.clamp_min(0).sqrt()
    largest = float(sizes[-1])
    if largest == 0:
        return SmoothNorm(0.0, torch.zeros_like(values))
    # |A| = (sum s_i^p)^(1/p), scaled by the largest so that no power overflows. Its slope by s_i is (s_i / |A|)^(p-1),
    # that of s_i by A is u_i v_i'. Without V: s_i u_i v_i' = u_i u_i' A leaves the factor (s_i / |A|)^(p-2) / |A|
    value = largest * float((sizes / largest).pow(_ORDER).sum()) ** (1 / _ORDER)
    weights = (sizes / value).pow(_ORDER - 2) / value
    gradient = (left * weights) @ (left.t() @ wide)
    return SmoothNorm(value, gradient.t() if turned else gradient)


def smooth_penalty(
    weights: Sequence[torch.Tensor], *, slope: float, strength: float
) -> tuple[float, list[torch.Tensor]]:
    """Return ``strength * log(1 + L)`` and its gradient by each of ``weights``, like them; L is ``slope`` times norms.

    ``weights``: a matrix (outputs, inputs) for each fully connected layer; ``slope``: the product of the greatest
    slopes of what lies between them. Norms are smooth ones. A layer of zeros makes L zero; of the slopes that its own
    norm has there, 0 is taken.
    """
    norms = [smooth_norm(weight) for weight in weights]
    bound = slope * math.prod(norm.value for norm in norms)
    slopes = []
    for index, (weight, norm) in enumerate(zip(weights, norms, strict=True)):
        # d/dA_k of log(1 + L) is L / (1 + L) * d|A_k| / |A_k|; with the others' product, so that |A_k| may be zero
        others = slope * math.prod(each.value for each in (*norms[:index], *norms[index + 1 :]))
        slopes.append((strength * others / (1 + bound) * norm.gradient).to(weight.dtype))
    return strength * math.log1p(bound), slopes


@dataclass(frozen=True)
class Chain:
    """A network's layers of weights in order, as linear operators, with what lies between them as one factor."""

    layers: tuple[nn.Linear | nn.Conv2d, ...]
    shapes: tuple[tuple[int, ...], ...]
    """What each layer takes, without the batch."""
    slope: float
    """Product of the greatest slopes of all that lies between the layers."""

    def start(self) -> Directions:
        """Return each layer's singular vector by power steps from a random one, the same whenever it is asked for."""
        found: Directions = {}
        for index, (layer, shape) in enumerate(zip(self.layers, self.shapes, strict=True)):
            draw = generator(0, "penalty", index=index).standard_normal((1, *shape))
            direction = torch.from_numpy(draw).to(layer.weight)
            found[f"{index}"] = direction / torch.linalg.vector_norm(direction)
        return self.followed(found, _FIRST_STEPS)

    @torch.no_grad()
    def followed(self, directions: Mapping[str, torch.Tensor], steps: int = _STEPS) -> Directions:
        """Return the vectors after so many power steps each: ``v`` goes to ``A'A v``, at length 1."""
        found = dict(directions)
        for index, (layer, shape) in enumerate(zip(self.layers, self.shapes, strict=True)):
            for _ in range(steps):
                turned = _adjoint(layer, _applied(layer, found[f"{index}"]), shape)
                norm = torch.linalg.vector_norm(turned)
                found[f"{index}"] = torch.where(norm > 0, turned / norm, found[f"{index}"])
        return found

    def log_bound(self, directions: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return ``log(1 + L)``, a scalar, with every norm as ``|A v|``, for torch to differentiate by the weights.

        ``v`` is a constant: that of ``|A v|`` is then ``u v'``, as of the norm itself. It is never above the norm.
        """
        norms = [
            torch.linalg.vector_norm(_applied(layer, directions[f"{index}"])) for index, layer in enumerate(self.layers)
        ]
        return torch.log1p(self.slope * torch.stack(norms).prod())


@torch.no_grad()
def chain(network: nn.Module, shape: Sequence[int]) -> Chain:
    """Return the layers of ``network``, a sequence, for images of ``shape``, without the batch.

    Raises :class:`InputError` for a layer that is neither linear, a convolution, nor of known slope.
    """
    layers: list[nn.Linear | nn.Conv2d] = []
    shapes: list[tuple[int, ...]] = []
    slope = 1.0
    values = next(network.parameters()).new_zeros((1, *shape))
    for layer in network.modules():
        if next(layer.children(), None) is not None:
            continue
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and _is_plain(layer)):
            layers.append(layer)
            shapes.append(tuple(values.shape[1:]))
        elif type(layer) in _SLOPES:
            slope *= _SLOPES[type(layer)]
        else:
            known = ", ".join(kind.__name__ for kind in _SLOPES)
            raise InputError(
                f"the layer {layer} has no penalty; a penalised network is made of Linear, Conv2d with so many "
                f"zeros around, {known}"
            )
        values = layer(values)
    return Chain(tuple(layers), tuple(shapes), slope)


def _is_plain(layer: nn.Conv2d) -> bool:
    return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _applied(layer: nn.Linear | nn.Conv2d, values: torch.Tensor) -> torch.Tensor:
    """Return what a layer makes of ``values`` (n, ...) but for its bias."""
    if isinstance(layer, nn.Linear):
        return functional.linear(values, layer.weight)
    return functional.conv2d(values, layer.weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)


def _adjoint(layer: nn.Linear | nn.Conv2d, values: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the transposed layer's product with ``values`` (n, ...): (n, *shape)."""
    if isinstance(layer, nn.Linear):
        return values @ layer.weight
    return _conv2d_input(
        (len(values), *shape), layer.weight, values, layer.stride, layer.padding, layer.dilation, layer.groups
    )
