"""What the sparse autoencoder minimises: how far images are from their reconstructions, with sparse codes.

``1/(2N) sum ||x^ - x||^2 + decay/2 (||W1||^2 + ||W2||^2) + weight sum_j KL(sparsity || mean activation_j)`` over N
images, sigmoids both ways (section 1 of the paper names AE400-10 alone; this is the form usual for MNIST). The mean
activation is over all images, so that the codes of all are computed and kept before the first slope is.
"""

import torch

from blindspots.randomness import generator
from blindspots.training.curvature import LayerInverse, MeanTerm, Spectrum, StartMatrix, spectrum, with_ones
from blindspots.training.inputs import as_inputs
from blindspots.training.objective import Value
from blindspots.training.weight_vector import split

_SAMPLE = 10_000
"""Images that the curvature is taken from, at most."""
_DAMPING = 1e-5


class AutoencoderObjective:
    """Loss and gradient of a sparse autoencoder as a function of its weights in one vector.

    ``images``: (n, ...) in [0, 1], of m values each. The vector (p,) holds the encoder's weights (codes, m) and biases
    (codes,), then the decoder's (m, codes) and (m,). ``decay``, ``sparsity`` and ``weight`` are lambda, rho and beta.
    """

    def __init__(
        self, images: torch.Tensor, *, codes: int, decay: float = 3e-3, sparsity: float = 0.1, weight: float = 3.0
    ) -> None:
        if not len(images):
            raise ValueError("an autoencoder wants at least one image")
        if not 0 < sparsity < 1:
            raise ValueError(f"the sparsity {sparsity} is no mean activation of a sigmoid: it lies between 0 and 1")
        self._inputs = as_inputs(images)
        values = self._inputs.rows.shape[1]
        self._shapes = [(codes, values), (values, codes)]
        self._decay, self._sparsity, self._weight = decay, sparsity, weight
        self._first: tuple[Spectrum, torch.Tensor] | None = None

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(self._inputs.rows)

    def __call__(self, point: torch.Tensor) -> Value:
        """Return loss and gradient at the weights ``point``; there are no errors to count."""
        gradient, n = torch.zeros_like(point), self.images
        (weight, bias), (back, back_bias) = split(point, self._shapes)
        (weight_slope, bias_slope), (back_slope, back_bias_slope) = split(gradient, self._shapes)
        codes = self._codes(weight, bias, self._inputs.chunks)
        mean = torch.stack([rows.sum(dim=0, dtype=torch.float64) for rows in codes]).sum(dim=0) / n
        divergence, pull = self._divergence(mean)
        pull = (pull / n).to(point)  # the divergence's slope by each image's own activation, 1 / n of the mean
        sums, bias_sum, losses = self._inputs.sums(weight), torch.zeros_like(pull), []
        for chunk, rows in zip(self._inputs.chunks, codes, strict=True):
            units = rows[:, : len(bias)]
            made = torch.addmm(back_bias, units, back.t()).sigmoid_()
            off = made - self._inputs.rows[chunk]
            losses.append(off.square().sum(dtype=torch.float64))
            slope = torch.ops.aten.sigmoid_backward(off.div_(n), made)  # (x^ - x) / n * x^ (1 - x^), at the decoder
            back_slope.addmm_(slope.t(), units)
            back_bias_slope += slope.sum(dim=0)
            below = torch.zeros_like(rows)
            below[:, : len(bias)] = torch.ops.aten.sigmoid_backward((slope @ back).add_(pull[: len(bias)]), units)
            bias_sum += below.sum(dim=0)
            self._inputs.add_gradient(chunk, below, sums)
        loss = float(torch.stack(losses).sum()) / (2 * n) + self._weight * divergence
        loss += self._decay / 2 * float(sum(each.square().sum(dtype=torch.float64) for each in (weight, back)))
        weight_slope.copy_(self._inputs.gradient(sums, len(bias))).add_(weight, alpha=self._decay)
        bias_slope.copy_(bias_sum[: len(bias)])
        back_slope.add_(back, alpha=self._decay)
        return Value(loss, gradient, 0)

    def _codes(self, weight: torch.Tensor, bias: torch.Tensor, chunks: list[slice]) -> list[torch.Tensor]:
        """Return the codes of chunks of images, as wide as the inputs' products."""
        table = self._inputs.table(weight)
        wide = torch.nn.functional.pad(bias, (0, self._inputs.width(len(bias)) - len(bias)))
        return [self._inputs.product(chunk, table, wide).sigmoid_() for chunk in chunks]

    def _divergence(self, mean: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Return the codes' divergence from the wanted mean, and its slope times ``weight``; fillers have none."""
        rho, codes = self._sparsity, self._shapes[0][0]
        each = rho * (rho / mean).log() + (1 - rho) * ((1 - rho) / (1 - mean)).log()
        return float(each[:codes].sum()), self._weight * ((1 - rho) / (1 - mean) - rho / mean)

    def start_matrix(self, point: torch.Tensor, iteration: int) -> StartMatrix:
        """Return an inverse of the curvature at ``point``: see :mod:`blindspots.training.curvature`.

        Taken from evenly spread chunks of images, 10 000 at most, and from random signs that ``iteration`` decides. The
        divergence curves along the mean image, for every code by itself.
        """
        (weight, bias), (back, back_bias) = split(point, self._shapes)
        chunks = self._inputs.chunks[:: -(-self.images // _SAMPLE)]
        taken = sum(chunk.stop - chunk.start for chunk in chunks)
        draw = generator(iteration, "curvature")
        encoder, decoder = bias.new_zeros(len(bias), len(bias)), torch.zeros_like(back_bias)
        inner = bias.new_zeros(len(bias) + 1, len(bias) + 1)
        activity, liveliness = torch.zeros_like(bias), torch.zeros_like(bias)
        for rows in self._codes(weight, bias, chunks):
            units = rows[:, : len(bias)]
            made = torch.addmm(back_bias, units, back.t()).sigmoid_()
            slope = made * (1 - made)
            decoder += slope.square().sum(dim=0)
            # the Gauss-Newton matrix of the squared error: diagonal at the decoder; at the encoder the mean square of
            # one vector an image, with random signs, as for the classes of a softmax
            signs = torch.from_numpy(draw.integers(0, 2, slope.shape, dtype="int8")).to(slope) * 2 - 1
            lively = units * (1 - units)
            below = ((slope * signs) @ back) * lively
            encoder.addmm_(below.t(), below)
            with_one = with_ones(units)
            inner.addmm_(with_one.t(), with_one)
            activity += units.sum(dim=0)
            liveliness += lively.sum(dim=0)
        first, image = self._of_images(chunks)
        above = spectrum(encoder / taken)
        rho, mean = self._sparsity, activity / taken
        bend = self._weight * (rho / mean.square() + (1 - rho) / (1 - mean).square()) * (liveliness / taken).square()
        term = MeanTerm.within(first, above, image, bend, self._decay + _DAMPING)
        last = Spectrum(decoder / taken, torch.eye(len(decoder)).to(decoder), diagonal=True)
        return StartMatrix(
            self._shapes,
            [
                LayerInverse(first, above, self._inputs.live, self._decay, _DAMPING, term),
                LayerInverse(spectrum(inner / taken), last, None, self._decay, _DAMPING),
            ],
        )

    def _of_images(self, chunks: list[slice]) -> tuple[Spectrum, torch.Tensor]:
        """Return the spectrum of the live values of images with a one, and their mean; both stay as they are."""
        if self._first is None:
            rows = with_ones(torch.cat([self._inputs.rows[chunk][:, self._inputs.live] for chunk in chunks]))
            self._first = spectrum(rows.t() @ rows / len(rows)), rows.mean(dim=0)
        return self._first
