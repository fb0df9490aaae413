"""Perturbations made larger along their own direction (Table 4's lower half)."""

import torch

from blindspots.arguments import check_dense, of_numpy_too
from blindspots.errors import InputError
from blindspots.models.checks import check_images, check_positive
from blindspots.perturbation.measure import distortion

_ROUNDING = 1 + 1e-12
_NEGLIGIBLE = 1e-140  # of a row's largest value; the square of less would be lost


@of_numpy_too
def amplified(perturbation: torch.Tensor, *, to: float = 0.1) -> torch.Tensor:
    """Return every row's perturbation rescaled to the distortion ``to``: ``to * r / rms(r)`` (section 4.2, Table 4).

    The paper prints ``||r||_2`` under the fraction; its own "from 0.06 to 0.1" shows that the root mean square is
    meant (slip "amplification"). ``images + amplified(r)`` may leave [0, 1], as in print; ``clipped(images,
    amplified(r))`` of :mod:`blindspots.perturbation.noise` stays inside and is smaller than ``to``;
    :func:`amplified_in_box` stays inside and has the distortion ``to``. A row of zeros has no direction and stays zero.

    ``perturbation``: (n, ...). Returns the same shape and dtype. Raises :class:`InputError` for a ``to`` that is not
    a positive number.
    """
    check_positive("to", to)
    size = distortion(perturbation)
    factor = torch.where(size > 0, to / size, torch.zeros_like(size))
    shape = (-1, *[1] * (perturbation.dim() - 1))
    return (perturbation.double() * factor.reshape(shape)).to(perturbation.dtype)


@of_numpy_too
def amplified_in_box(images: torch.Tensor, perturbation: torch.Tensor, *, to: float = 0.1) -> torch.Tensor:
    """Return ``clip(images + s * r) - images``, each row's s such that this, clipped, has the distortion ``to``.

    It departs from Table 4, whose amplified images may leave [0, 1] (slip "clipped noise"). The mean square after
    clipping is ``mean(min(s |r|, d)^2)``, with d how far the box lets each value go: rising in s, and in ``s^2``
    linear between the points where another value is clipped. These are sorted, so that s is found exactly. A row of
    zeros has no direction and stays zero; a value that is 0 in a row moves at no s.

    ``images``: (n, ...) in [0, 1]; ``perturbation``: the same shape and dtype. Returns them too; adding the result to
    ``images`` stays in [0, 1]. Raises :class:`InputError` for images outside [0, 1], a perturbation that differs in
    shape or dtype or holds NaN or infinity, a ``to`` that is not a positive number, and a row that cannot be as
    distorted as that along its direction.
    """
    check_positive("to", to)
    check_images(images)
    check_dense("the perturbation", perturbation)
    if perturbation.shape != images.shape or perturbation.dtype != images.dtype:
        raise InputError(
            f"the perturbation is {tuple(perturbation.shape)}, {perturbation.dtype}, the images are "
            f"{tuple(images.shape)}, {images.dtype}: they must agree"
        )
    finite = torch.isfinite(perturbation).flatten(1).all(dim=1)
    if not finite.all():
        raise InputError(f"the perturbation of image {_first(~finite)} holds NaN or infinity; give finite numbers")
    result, reach = amplified_towards(images, perturbation, to=to)
    short = perturbation.flatten(1).any(dim=1) & (reach * _ROUNDING < to)
    if short.any():
        row = _first(short)
        raise InputError(
            f"the perturbation of image {row} reaches a distortion of {float(reach[row]):.6g} inside [0, 1], "
            f"not {to:g}; ask for less, or leave the image out"
        )
    return result


def amplified_towards(
    images: torch.Tensor, perturbation: torch.Tensor, *, to: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what :func:`amplified_in_box` returns, and how far the box lets each row go (n,).

    Nothing is checked, and a row that cannot be as distorted as ``to`` along its direction goes as far as it can.
    """
    rows, direction = images.double().flatten(1), perturbation.double().flatten(1)
    largest = direction.abs().amax(dim=1, keepdim=True)
    direction = direction / torch.where(largest > 0, largest, 1)
    speed = torch.where(direction.abs() > _NEGLIGIBLE, direction.abs(), 0)
    room = torch.where(direction > 0, 1 - rows, rows).masked_fill(speed == 0, 0)
    step = direction.sign() * torch.minimum(_scale(speed, room, to)[:, None] * speed, room)
    return step.to(images.dtype).reshape(images.shape), distortion(room)


def _scale(speed: torch.Tensor, room: torch.Tensor, to: float) -> torch.Tensor:
    """Return the s (n,) at which ``min(s * speed, room)`` (n, m) has the root mean square ``to``, or reaches most."""
    stop = torch.where(speed > 0, room / speed.clamp_min(_NEGLIGIBLE), 0)
    stop, order = stop.sort(dim=1)
    squares, rooms = speed.square().gather(1, order), room.square().gather(1, order)
    moving = squares.flip(1).cumsum(dim=1).flip(1)  # of this value and all that are clipped later
    clipped = rooms.cumsum(dim=1) - rooms  # of all that are clipped earlier
    wanted = to**2 * speed.shape[1]
    enough = (clipped + stop.square() * moving >= wanted) & (moving > 0)
    first = torch.where(enough.any(dim=1), enough.int().argmax(dim=1), speed.shape[1] - 1)[:, None]
    square = (wanted - clipped.gather(1, first)) / moving.gather(1, first).clamp_min(_NEGLIGIBLE**2)
    return square.clamp_min(0).sqrt()[:, 0]


def _first(rows: torch.Tensor) -> int:
    return int(rows.nonzero()[0])
