"""Random directions to hold units against: frames of orthonormal directions, uniform over all of them, and others."""

import numpy as np

Draw = np.random.Generator
_COLUMNS = 32


def haar_frame(size: int, width: int, draw: Draw) -> np.ndarray:
    """Return ``width`` orthonormal directions (size, width) of a uniformly random rotation of ``size`` dimensions.

    The orthogonal factor of a normal matrix G, with the signs that make it unique (Stewart, 1980; Mezzadri, 2007): by
    Householder's reflections, or where G is far from square, and so well conditioned, G R^-1 with G'G = R'R by
    Cholesky, which is a matrix product. With ``width == size`` it is the whole rotation, reflections among them.
    """
    normal = draw.standard_normal((size, width))
    if 4 * width <= size:
        lower = np.linalg.cholesky(normal.T @ normal)
        return np.asarray(normal @ np.linalg.inv(lower).T)
    orthogonal, upper = np.linalg.qr(normal)
    return np.asarray(orthogonal * np.where(np.diagonal(upper) < 0, -1.0, 1.0))


def seen_frame(size: int, seen: int, width: int, draw: Draw) -> np.ndarray:
    """Return the part (seen, width) of :func:`haar_frame` that lies in ``seen`` of its ``size`` dimensions.

    What n images do to a direction depends on its part in their span alone. With G (size, width) normal and
    G'G = R'R by Cholesky, G R^-1 is Haar; of G only ``seen`` rows are needed, since those not seen enter by their
    Gram matrix alone, which is Wishart-distributed with ``size - seen`` degrees of freedom and drawn by Bartlett's
    decomposition: a triangle of normals below roots of chi-squares. So a direction costs ``seen`` numbers and not
    ``size``. Wanted: ``size - seen >= width``.
    """
    rest = size - seen
    if rest < width:
        raise ValueError(f"{width} directions of {size} dimensions, {seen} of them seen: {rest} others are too few")
    normal = draw.standard_normal((seen, width))
    triangle = np.tril(draw.standard_normal((width, width)), -1)
    np.fill_diagonal(triangle, np.sqrt(draw.chisquare(rest - np.arange(width))))
    lower = np.linalg.cholesky(normal.T @ normal + triangle @ triangle.T)  # R' of R'R
    return np.asarray(np.linalg.solve(lower, normal.T).T)


def partial_rotations(size: int, doses: tuple[float, ...], draw: Draw) -> list[np.ndarray]:
    """Return Q^a (size, size) for every dose a, of one uniformly random rotation Q without reflection.

    Bau et al. (2017) turn a basis step by step. Q = Z B Z' with B made of plane rotations by Q's angles; Q^a turns
    them by a times as much. A uniform Q stays uniform when it is turned by an independent Haar Z, so that its angles,
    from the eigenvalues of one such matrix, and Z, from another, are all that is needed. The dose 0 is the identity,
    the dose 1 is Q.
    """
    rotation = haar_frame(size, size, draw)
    if np.linalg.slogdet(rotation)[0] < 0:
        rotation[:, 0] *= -1
    angles = np.sort(np.angle(np.linalg.eigvals(rotation)))[::-1][: size // 2]  # of each pair the one from 0 to pi
    turned = haar_frame(size, size, draw)
    first, second = turned[:, : 2 * len(angles) : 2], turned[:, 1 : 2 * len(angles) : 2]
    fixed = turned[:, 2 * len(angles) :]  # of odd sizes: the axis
    found = []
    for dose in doses:
        cos, sin = np.cos(dose * angles), np.sin(dose * angles)
        found.append(
            (first * cos) @ first.T
            + (second * cos) @ second.T
            + (second * sin) @ first.T
            - (first * sin) @ second.T
            + fixed @ fixed.T
        )
    return found


def nonnegative_directions(size: int, width: int, draw: Draw) -> np.ndarray:
    """Return ``width`` directions (size, width) of length 1 without negative parts, uniform over those there are."""
    found = draw.standard_normal((size, width))
    np.abs(found, out=found)
    # in place, and by columns: of a thousand pictures' pixels these are 300 MB
    for part in np.array_split(found, -(-width // _COLUMNS), axis=1):
        part /= np.linalg.norm(part, axis=0)
    return found
