"""The matrix that L-BFGS starts from: a Kronecker-factored inverse of the Gauss-Newton matrix, with the decay.

Martens and Grosse, *Optimizing neural networks with Kronecker-factored approximate curvature* (2015): a layer's block
of the Fisher matrix is about G (x) A, where A = E[a a'] is over the layer's inputs with a one for the bias, and G =
E[g g'] over the slopes at its outputs. With A = U_A s_A U_A' and G = U_G s_G U_G', the block with decay and damping is
inverted as U_G [V / (s_G s_A' + decay + damping)] U_A'.

Where the paper draws a label from the network's own distribution p, here each image has one vector g with independent
signs e: g = sum_c e_c sqrt(p_c) (1_c - p). Its mean square over the signs is the Fisher matrix too, but an image that
is read with confidence, as all are in the end, tells something with every draw and not once in a thousand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from blindspots.training.weight_vector import Shape, split


@dataclass(frozen=True)
class Spectrum:
    """A symmetric positive semi-definite matrix by its eigenvalues (k,) and eigenvectors, in columns (k, k)."""

    values: torch.Tensor
    vectors: torch.Tensor
    diagonal: bool = False
    """Whether the matrix is diagonal, and the vectors the unit vectors: nothing is multiplied with those."""


def spectrum(matrix: torch.Tensor) -> Spectrum:
    """Return the spectrum of ``matrix`` (k, k); eigenvalues that rounding has made negative become zero."""
    values, vectors = torch.linalg.eigh(matrix)
    return Spectrum(values.clamp_(min=0), vectors)


def with_ones(activations: torch.Tensor) -> torch.Tensor:
    """Return activations (n, k) with the ones that biases are multiplied with: (n, k + 1)."""
    return torch.cat([activations, activations.new_ones(len(activations), 1)], dim=1)


def class_signs_slope(probabilities: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
    """Return one vector an image whose mean square is the Fisher matrix of its logits: (n, classes)."""
    roots = probabilities.sqrt() * signs
    return roots - probabilities * roots.sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class MeanTerm:
    """What diag(bend) (x) m m' does to the inverse of a layer's block: curvature along the inputs' mean m.

    By Woodbury's formula, with H the inverse of the block without it: H - H (1 (x) m) C (1 (x) m') H, where C =
    (diag(1 / bend) + (1 (x) m') H (1 (x) m))^-1. All in the coordinates of the spectra.
    """

    mean: torch.Tensor
    """(inputs + 1,)"""
    core: torch.Tensor
    """C: (outputs, outputs)"""

    @staticmethod
    def within(
        inputs: Spectrum, outputs: Spectrum, mean: torch.Tensor, bend: torch.Tensor, offset: float
    ) -> "MeanTerm":
        """Return the term for a layer's block, whose eigenvalues are products of those given plus ``offset``."""
        mean = inputs.vectors.t() @ mean
        # (1 (x) m') H (1 (x) m) is diagonal in the outputs' spectrum: sum_j m_j^2 / (s_G s_Aj + offset)
        along = (mean.square() / (torch.outer(outputs.values, inputs.values) + offset)).sum(dim=1)
        inverse = (outputs.vectors.t() / bend) @ outputs.vectors + torch.diag(along)
        return MeanTerm(mean, torch.linalg.inv(inverse))


@dataclass(frozen=True)
class LayerInverse:
    """The inverse of one layer's block, for weights (outputs, inputs) and biases (outputs,)."""

    inputs: Spectrum
    """Of the live inputs and the one: (live + 1,)."""
    outputs: Spectrum
    live: torch.Tensor | None
    """Indices of the inputs that are not zero throughout; None: all."""
    decay: float
    damping: float
    mean: MeanTerm | None = None

    def __call__(self, weight: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the inverse times a vector that is given as ``weight`` and ``bias``."""
        living = weight if self.live is None else weight[:, self.live]
        block = torch.cat([living, bias[:, None]], dim=1)
        # (G (x) A + offset)^-1 V = U_G [(U_G' V U_A) / (s_G s_A' + offset)] U_A', V the block with its biases
        turned = (block if self.outputs.diagonal else self.outputs.vectors.t() @ block) @ self.inputs.vectors
        curvature = torch.outer(self.outputs.values, self.inputs.values) + (self.decay + self.damping)
        turned /= curvature
        if self.mean:  # Woodbury: H V - H (1 (x) m) C (1 (x) m') H V, and turned is H V
            turned -= torch.outer(self.mean.core @ (turned @ self.mean.mean), self.mean.mean) / curvature
        block = (turned if self.outputs.diagonal else self.outputs.vectors @ turned) @ self.inputs.vectors.t()
        if self.live is None:
            return block[:, :-1], block[:, -1]
        whole = weight / (self.decay or self.damping)  # a weight that meets zeros alone feels the decay, exactly
        whole[:, self.live] = block[:, :-1]
        return whole, block[:, -1]


@dataclass(frozen=True)
class StartMatrix:
    """The inverses of all layers, applied to a vector of all weights."""

    shapes: Sequence[Shape]
    layers: Sequence[LayerInverse]
    biases: bool = True
    """Whether biases move; where they do not, what the matrix is of is the weights alone."""

    def __call__(self, vector: torch.Tensor) -> torch.Tensor:
        """Return the matrix, symmetric and positive definite, times ``vector`` (p,); of biases that stay, 0."""
        result = torch.empty_like(vector)
        parts = zip(split(vector, self.shapes), split(result, self.shapes), self.layers, strict=True)
        for (weight, bias), (weight_result, bias_result), inverse in parts:
            new_weight, new_bias = inverse(weight, bias)
            weight_result.copy_(new_weight)
            bias_result.copy_(new_bias if self.biases else torch.zeros_like(new_bias))
        return result
