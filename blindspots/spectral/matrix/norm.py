"""The operator norm of a matrix: a vector reaches the lower bound, a factorisation proves the upper one."""

import math

import torch

from blindspots.arguments import check_dense, of_numpy_too
from blindspots.errors import InputError
from blindspots.spectral.matrix.bound import Bound
from blindspots.spectral.matrix.lanczos import Eigenpair, top_eigenpair
from blindspots.spectral.matrix.scaling import ZERO, exponent_of, scaled_back
from blindspots.spectral.matrix.semidefinite import UNIT, proved, rounding
from blindspots.spectral.matrix.values import checked_tolerance, checked_values, plain_arithmetic

_SMALL = 192
_ROWS = 1024
_BLOCK = 512


@of_numpy_too
def linear_norm(weight: torch.Tensor) -> Bound:
    """Return bounds of the operator norm of ``weight`` (out, in), tight to 1e-6 (section 4.3: a fully connected layer).

    In float64: the Gram matrix of the smaller side, its largest eigenvalue by Lanczos' method or in full, a vector
    whose length the matrix multiplies by ``lower``, and a Cholesky factorisation that proves ``upper``
    (:func:`.proved`), each moved outwards by its rounding. A Gram matrix's entry is an
    inner product of K terms, wrong by at most ``K u / (1 - K u)`` of their absolute values: in the spectral norm by at
    most that part of the matrix's squared Frobenius norm.

    Raises:
        InputError: if ``weight`` is not a matrix of finite floating-point numbers.
    """
    return dense_norm(checked_matrix(weight)[None])


@of_numpy_too
def linear_norm_estimate(weight: torch.Tensor, *, tolerance: float = 1e-3) -> Bound:
    """Return the norm of ``weight`` (out, in) from below alone, within about ``tolerance``: ``upper`` is infinite.

    Lanczos' method in float32, without the Gram matrix, until the residual is at most ``tolerance``.

    Raises:
        InputError: if ``weight`` is not a matrix of finite floating-point numbers.
    """
    matrix = checked_matrix(weight)
    checked_tolerance(tolerance)
    with plain_arithmetic(torch.float32):
        exponent = exponent_of(matrix)
        if exponent is None:
            return ZERO
        factor = 2.0**-exponent
        single = torch.cat([(rows.double() * factor).float() for rows in matrix.split(_ROWS)])
        pair = top_eigenpair(
            lambda vector: (single @ vector) @ single, _start(single.shape[1], single), tolerance=tolerance, least=4
        )
        lower, residual = _reached(matrix, pair.vector.double(), factor)
    return scaled_back(Bound(lower, math.inf, "Lanczos", residual), exponent)


def dense_norm(matrices: torch.Tensor) -> Bound:
    """Return bounds of the largest norm of ``matrices`` (n, a, b), whose values are finite.

    The matrices are scaled by a power of two, which is exact, so that no product overflows or vanishes.
    """
    with plain_arithmetic(torch.float64):
        exponent = exponent_of(matrices)
        if exponent is None:
            return ZERO
        if matrices.shape[1] > matrices.shape[2]:
            matrices = matrices.mT
        # |A|^2 is the largest eigenvalue of A A', the Gram matrix of the smaller side
        factor = 2.0**-exponent
        side, terms = matrices.shape[1:]
        grams, frobenius = _grams(matrices, factor)
        error = 4 * (terms + 8) * UNIT * frobenius
        index, vector, square = _top(grams)
        best = matrices[index]
        lower, residual = _reached(best.T, vector, factor)
        # lower: |A v| for the best v; upper: limit - G is proved positive for every Gram matrix G, or the limit rises
        margin = max(1e-10, 2 * rounding(side))
        limit = max(square, lower**2) * (1 + margin) + 4 * error
        open_grams = grams
        while True:
            failed = ~proved(open_grams, limit, error=error)
            if not bool(failed.any()):
                break
            open_grams = open_grams[failed]
            margin *= 4
            highest = torch.linalg.eigvalsh(open_grams).max() if side <= _SMALL else 0.0
            limit = max(limit, float(highest)) * (1 + margin) + 4 * error
        upper = math.sqrt(limit) * (1 + 4 * UNIT)
    return scaled_back(Bound(lower, upper, "Gram matrix", residual), exponent)


def checked_matrix(weight: torch.Tensor) -> torch.Tensor:
    """Return ``weight`` without its gradient, if it is a matrix of finite floating-point numbers."""
    check_dense("weight", weight)
    if weight.dim() != 2:
        raise InputError(f"weight has shape {tuple(weight.shape)}; a matrix (out, in) is needed")
    return checked_values(weight)


def _grams(matrices: torch.Tensor, factor: float) -> tuple[torch.Tensor, float]:
    """Return ``A A'`` (n, a, a) of the matrices times ``factor``, in its lower triangle, and the largest trace.

    It is summed over chunks of columns, so that a large matrix isn't copied whole, and over the lower triangle's
    blocks alone, which halves the work.
    """
    count, side, terms = matrices.shape
    grams = torch.zeros(count, side, side, dtype=torch.float64, device=matrices.device)
    for begin in range(0, terms, _ROWS):
        part = matrices[:, :, begin : begin + _ROWS].double() * factor
        for row in range(0, side, _BLOCK):
            rows = part[:, row : row + _BLOCK]
            grams[:, row : row + _BLOCK, : row + _BLOCK].baddbmm_(rows, part[:, : row + _BLOCK].mT)
    return grams, float(grams.diagonal(dim1=-2, dim2=-1).sum(-1).max())


def _top(grams: torch.Tensor) -> tuple[int, torch.Tensor, float]:
    """Return which of ``grams`` has the largest eigenvalue, about its eigenvector and about the eigenvalue."""
    side = grams.shape[-1]
    if side <= _SMALL:
        values, vectors = torch.linalg.eigh(grams)
        index = int(values[:, -1].argmax())
        return index, vectors[index, :, -1], max(float(values[index, -1]), 0.0)
    found: list[Eigenpair] = []
    for gram in grams:
        whole = gram.tril() + gram.tril(-1).T
        # float32 halves what has to be read for each of the many steps; a few more in float64 make it exact
        single = whole.float()
        pair = top_eigenpair(single.mv, _start(side, single), tolerance=1e-5, least=8)
        found.append(top_eigenpair(whole.mv, pair.vector.double(), tolerance=1e-8, least=2, most=60))
    index = max(range(len(found)), key=lambda each: found[each].value)
    return index, found[index].vector, found[index].value


def _start(size: int, like: torch.Tensor) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randn(size, generator=random, device="cpu", dtype=torch.float32).to(like)


def _reached(matrix: torch.Tensor, vector: torch.Tensor, factor: float) -> tuple[float, float]:
    """Return how much ``matrix * factor`` stretches ``vector``, rounded down, and the residual of the singular pair.

    The product's entries are wrong by at most K units of their absolute terms, together at most K units of the
    matrix's Frobenius norm times the vector's.
    """
    images, square = [], 0.0
    back = torch.zeros_like(vector)
    for begin in range(0, len(matrix), _ROWS):
        part = matrix[begin : begin + _ROWS].double() * factor
        images.append(part @ vector)
        back += images[-1] @ part
        square += float(part.square().sum())
    size = float(vector.norm())
    image = float(torch.cat(images).norm())
    terms = len(vector) + len(matrix)
    lower = max(0.0, image / size * (1 - 2 * (terms + 8) * UNIT) - 2 * (terms + 8) * UNIT * math.sqrt(square))
    ratio = image / size
    residual = float((back / size - ratio**2 * vector / size).norm()) / ratio**2 if ratio else 0.0
    return lower, residual
