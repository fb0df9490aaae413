"""What training minimises: mean cross-entropy over all images plus weight decay, with its gradient and curvature.

Forward and backward pass are written out and fused over chunks of rows, so that a chunk's activations stay in the
processor's cache; a sigmoid's derivative comes from its value. The first layer's products leave out what is zero.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import torch
from torch.nn.functional import pad

from blindspots.networks.fully_connected import FullyConnected
from blindspots.randomness import generator
from blindspots.training.curvature import LayerInverse, Spectrum, StartMatrix, class_signs_slope, spectrum, with_ones
from blindspots.training.inputs import as_inputs
from blindspots.training.penalty import smooth_penalty
from blindspots.training.weight_vector import split

_SAMPLE = 20_000
"""Images that the curvature is taken from, at most."""
_DAMPING = 3e-5
"""What is added to the curvature's eigenvalues."""
_STEEPEST = 0.25
"""A sigmoid's greatest slope."""


@dataclass(frozen=True)
class Value:
    """The objective at one point."""

    loss: float
    """What is minimised, decay and penalty included."""
    gradient: torch.Tensor
    """(p,) like the point."""
    errors: int
    """Images misread."""


@dataclass(frozen=True)
class _Layers:
    """The weights at one point, the first hidden layer's widened as the inputs' products are."""

    table: torch.Tensor
    biases: list[torch.Tensor]
    weights: list[torch.Tensor]
    """Of the layers above the first: (outputs, inputs)."""


class Objective:
    """Loss and gradient of a fully connected network as a function of its weights in one vector.

    ``images``: (n, ...) in [0, 1]; ``labels``: (n,) integers. ``decay``: one value a layer of weights; ``form``:
    "half-squares" adds ``decay / 2 * sum(w ** 2)``, which reproduces the paper's errors; "per-unit" adds
    ``decay * sum(w ** 2) / units``, as printed (slip "weight decay"). Biases are free, or where ``biases`` says so,
    stay where they are. ``penalty``: the strength of that on the layers' bounds, see
    :mod:`blindspots.training.penalty`; the start matrix leaves it out, since a logarithm curves down.
    """

    def __init__(
        self,
        network: FullyConnected,
        images: torch.Tensor,
        labels: torch.Tensor,
        *,
        decay: Sequence[float],
        form: str = "half-squares",
        penalty: float = 0.0,
        biases: bool = True,
    ) -> None:
        linears = network.linears
        if len(decay) != len(linears):
            raise ValueError(f"{len(decay)} decays do not fit {len(linears)} layers of weights")
        if form not in ("half-squares", "per-unit"):
            raise ValueError(f"the form of decay {form!r} is neither half-squares nor per-unit")
        if len(images) != len(labels) or images.flatten(1).shape[1] != linears[0].in_features or not len(images):
            raise ValueError(f"images {tuple(images.shape)} and {len(labels)} labels do not fit the network")
        self._shapes = [(layer.out_features, layer.in_features) for layer in linears]
        self._factors = [
            value if form == "half-squares" else 2 * value / layer.out_features
            for value, layer in zip(decay, linears, strict=True)
        ]
        self._penalty, self._biases, self._share = penalty, biases, 1.0
        self._inputs = as_inputs(images)
        self._labels = labels
        self._first: Spectrum | None = None

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(self._labels)

    def with_share(self, share: float) -> "Objective":
        """Return the same with ``share`` of the mean cross-entropy, and decay and penalty whole."""
        found = copy(self)
        found._share = share
        return found

    def __call__(self, point: torch.Tensor) -> Value:
        """Return loss, gradient and errors at the weights ``point``, in the order of :func:`to_vector`."""
        layers, gradient, n = self._layers(point), torch.zeros_like(point), self.images
        slopes, parts = split(gradient, self._shapes), split(point, self._shapes)
        sums = [self._inputs.sums(parts[0][0]), *(torch.zeros_like(weight) for weight, _ in parts[1:])]
        bias_sums = [torch.zeros_like(bias) for bias in layers.biases]
        losses, errors = [], []
        minus_ones = point.new_full((1, n), -1)
        for chunk in self._inputs.chunks:
            activations, logits = self._forward(layers, chunk)
            labels = self._labels[None, chunk]
            columns = logits.t().contiguous()  # a row a class: few long rows go faster than many short ones
            logs = torch.log_softmax(columns, dim=0)
            losses.append(logs.gather(0, labels).sum(dtype=torch.float64))
            errors.append((logits.argmax(dim=1) != labels[0]).sum())
            delta = logs.exp_()  # the slope of the mean cross-entropy by the logits: (softmax - one_hot(label)) / n
            delta.scatter_add_(0, labels, minus_ones[:, : labels.shape[1]]).div_(n)
            if self._share != 1:
                delta.mul_(self._share)
            for index, slope in self._backward(layers, activations, delta.t()):  # by b: sum of slopes; by W: slopes' a
                bias_sums[index] += slope.sum(dim=0)
                if index:
                    sums[index].addmm_(slope.t(), activations[index - 1][:, : self._shapes[index][1]])
                else:
                    self._inputs.add_gradient(chunk, slope, sums[0])
        total = -self._share * float(torch.stack(losses).sum()) / n
        sums[0] = self._inputs.gradient(sums[0], self._shapes[0][0])
        everything = zip(parts, slopes, sums, bias_sums, self._factors, strict=True)
        for (weight, bias), (weight_slope, bias_slope), weight_sum, bias_sum, factor in everything:
            total += factor / 2 * float(weight.square().sum(dtype=torch.float64))
            weight_slope.copy_(weight_sum[: len(bias), : weight.shape[1]]).add_(weight, alpha=factor)
            if self._biases:
                bias_slope.copy_(bias_sum[: len(bias)])
        if self._penalty:
            steepest = _STEEPEST ** (len(parts) - 1)
            added, more = smooth_penalty([weight for weight, _ in parts], slope=steepest, strength=self._penalty)
            total += added
            for (weight_slope, _), each in zip(slopes, more, strict=True):
                weight_slope.add_(each)
        return Value(total, gradient, int(torch.stack(errors).sum()))

    def start_matrix(self, point: torch.Tensor, iteration: int) -> StartMatrix:
        """Return an inverse of the curvature at ``point``, of the whole mean cross-entropy whatever its share.

        See :mod:`blindspots.training.curvature`. Taken from evenly spread chunks of images, 20 000 at most, and from
        random signs that ``iteration`` decides.
        """
        layers = self._layers(point)
        every = -(-self.images // _SAMPLE)
        chunks = self._inputs.chunks[::every]
        taken = sum(chunk.stop - chunk.start for chunk in chunks)
        draw = generator(iteration, "curvature")
        inner = [point.new_zeros(inputs + 1, inputs + 1) for _, inputs in self._shapes[1:]]
        outer = [point.new_zeros(outputs, outputs) for outputs, _ in self._shapes]
        for chunk in chunks:
            activations, logits = self._forward(layers, chunk)
            signs = torch.from_numpy(draw.integers(0, 2, logits.shape, dtype="int8")).to(logits) * 2 - 1
            delta = class_signs_slope(logits.softmax(dim=1), signs)
            # of chunk after chunk, A = E[a a'] of each layer's inputs and G = E[g g'] of the slopes at its outputs
            for index, slope in self._backward(layers, activations, delta):
                live = slope[:, : self._shapes[index][0]]
                outer[index].addmm_(live.t(), live)
                if index:
                    below = self._beside(activations[index - 1][:, : self._shapes[index][1]])
                    inner[index - 1].addmm_(below.t(), below)
        if self._first is None:  # the images stay as they are
            rows = self._beside(torch.cat([self._inputs.rows[chunk][:, self._inputs.live] for chunk in chunks]))
            self._first = spectrum(rows.t() @ rows / taken)
        spectra = [self._first, *(spectrum(each / taken) for each in inner)]
        return StartMatrix(
            self._shapes,
            [
                LayerInverse(below, spectrum(each / taken), None if index else self._inputs.live, factor, _DAMPING)
                for index, (below, each, factor) in enumerate(zip(spectra, outer, self._factors, strict=True))
            ],
            self._biases,
        )

    def _beside(self, activations: torch.Tensor) -> torch.Tensor:
        """Return activations (n, k) beside what biases are multiplied with, 0 where there are none: (n, k + 1)."""
        return with_ones(activations) if self._biases else pad(activations, (0, 1))

    def _layers(self, point: torch.Tensor) -> _Layers:
        """Return the weights ``point``, ready for use."""
        parts = split(point, self._shapes)
        units = self._shapes[0][0]
        beyond = self._inputs.width(units) - units
        biases = [bias for _, bias in parts]
        weights = [weight for weight, _ in parts[1:]]
        biases[0] = pad(biases[0], (0, beyond))
        if weights and beyond:
            weights[0] = pad(weights[0], (0, beyond))
        return _Layers(self._inputs.table(parts[0][0]), biases, weights)

    def _forward(self, layers: _Layers, chunk: slice) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return the hidden layers' activations of a chunk, and its logits."""
        activations, outputs = [], self._inputs.product(chunk, layers.table, layers.biases[0])
        for weight, bias in zip(layers.weights, layers.biases[1:], strict=True):
            activations.append(outputs.sigmoid_())
            units = self._shapes[len(activations)][1]
            outputs = torch.addmm(bias, activations[-1][:, :units], weight[:, :units].t())
        return activations, outputs[:, : self._shapes[-1][0]]

    def _backward(
        self, layers: _Layers, activations: list[torch.Tensor], delta: torch.Tensor
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield layer and slopes at its outputs, from the last to the first, given those at the logits."""
        for index in reversed(range(len(self._shapes))):
            if index == 0 and not activations:
                delta = pad(delta, (0, len(layers.biases[0]) - delta.shape[1])).contiguous()
            yield index, delta
            if index:  # back through W, then through the sigmoid: d = (d W) * a (1 - a), from its value a alone
                delta = torch.ops.aten.sigmoid_backward(delta @ layers.weights[index - 1], activations[index - 1])


def to_vector(network: FullyConnected) -> torch.Tensor:
    """Return all weights and biases of a network in one vector, layer by layer."""
    parts = [part.detach().reshape(-1) for layer in network.linears for part in (layer.weight, layer.bias)]
    return torch.cat(parts)


@torch.no_grad()
def from_vector(network: FullyConnected, vector: torch.Tensor) -> None:
    """Set the weights and biases of a network from the vector that :func:`to_vector` gave."""
    start = 0
    for layer in network.linears:
        for part in (layer.weight, layer.bias):
            part.copy_(vector[start : start + part.numel()].view_as(part))
            start += part.numel()
