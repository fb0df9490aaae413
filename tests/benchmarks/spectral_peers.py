"""What else finds a convolution's norm: each from the literature, for a 2-D layer with zero padding and one group."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.linalg import LinearOperator, svds


@dataclass(frozen=True)
class Layer:
    """A 2-D convolution on square images."""

    name: str
    weight: torch.Tensor
    size: int
    stride: int
    padding: int

    @property
    def arguments(self) -> dict[str, object]:
        return {"input_size": (self.size, self.size), "stride": self.stride, "padding": self.padding}

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return F.conv2d(image, self.weight, stride=self.stride, padding=self.padding)

    def backward(self, image: torch.Tensor) -> torch.Tensor:
        extra = (self.size + 2 * self.padding - self.weight.shape[2]) % self.stride
        return F.conv_transpose2d(image, self.weight, stride=self.stride, padding=self.padding, output_padding=extra)

    @property
    def grid(self) -> int:
        """The coarse grid that slip "input grid" asks for."""
        return -(-(self.size + self.padding) // self.stride)


def by_svds(layer: Layer, tolerance: float) -> float:
    """ARPACK on the operator, from below; its tolerance is on the eigenvalue of A'A."""
    channels = layer.weight.shape[1]
    outputs = layer.forward(torch.zeros(1, channels, layer.size, layer.size)).shape

    def forward(vector: np.ndarray) -> np.ndarray:
        image = torch.from_numpy(np.ascontiguousarray(vector, np.float32)).view(1, channels, layer.size, layer.size)
        return layer.forward(image).flatten().numpy()

    def backward(vector: np.ndarray) -> np.ndarray:
        return (
            layer.backward(torch.from_numpy(np.ascontiguousarray(vector, np.float32)).view(outputs)).flatten().numpy()
        )

    shape = (outputs.numel(), channels * layer.size**2)
    operator = LinearOperator(shape, forward, backward, dtype=np.float32)
    return float(svds(operator, k=1, tol=tolerance, return_singular_vectors=False, random_state=0)[0])


def by_power(layer: Layer, tolerance: float) -> float:
    """The power method on the operator (Ryu et al. 2019), until the known error is at most the tolerance: at its best.

    A rule that doesn't know the answer stops later, or too early.
    """
    random = torch.Generator().manual_seed(0)
    image = torch.randn(1, layer.weight.shape[1], layer.size, layer.size, generator=random)
    true = KNOWN[layer.name]
    value = 0.0
    for _ in range(2000):
        image = image / image.norm()
        outputs = layer.forward(image)
        value = float(outputs.norm())
        if value >= true * (1 - tolerance):
            break
        image = layer.backward(outputs)
    return value


def _transforms(layer: Layer) -> torch.Tensor:
    """The matrices A (frequencies, out, in * stride^2) on the slip "input grid"'s grid, half of the frequencies,
    complex64."""
    points = layer.grid * layer.stride
    transformed = torch.fft.fft2(layer.weight, (points, points))
    split = transformed.unflatten(3, (layer.stride, -1)).unflatten(2, (layer.stride, -1))  # out, in, a, i, b, j
    half = layer.grid // 2 + 1
    return split.permute(3, 5, 0, 1, 2, 4).flatten(3)[:half].flatten(0, 1) / layer.stride


def by_fft_and_svd(layer: Layer) -> float:
    """FFT and all singular values at every frequency (Sedghi, Gupta and Long 2019), on the slip "input grid"'s grid."""
    return max(float(torch.linalg.svdvals(part)[:, 0].max()) for part in _transforms(layer).split(64))


def by_gram_iteration(layer: Layer, tolerance: float) -> float:
    """Gram iteration (Delattre et al. 2023): squared again and again, the Frobenius norm comes down to the norm."""
    matrices = _transforms(layer)
    if matrices.shape[1] > matrices.shape[2]:
        matrices = matrices.mH
    grams = matrices @ matrices.mH
    # after t squarings the bound is at most side^(1 / 2^(t + 2)) too high
    steps = max(1, math.ceil(math.log2(math.log(grams.shape[1]) / math.log1p(tolerance)) - 2))
    logs = torch.zeros(len(grams), dtype=torch.float64)
    for _ in range(steps):
        sizes = torch.linalg.matrix_norm(grams)
        logs = 2 * logs + 2 * sizes.double().log()
        grams = grams / sizes[:, None, None]
        grams = grams @ grams.mH
    logs = logs + torch.linalg.matrix_norm(grams).double().log()
    return float((logs / 2**steps / 2).max().exp())


KNOWN: dict[str, float] = {}
"""The layers' true norms, by name, once they are known."""
