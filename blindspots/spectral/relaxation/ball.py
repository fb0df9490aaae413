"""Linear forms over what an image may become: the ball around it and the box [0, 1] together.

With r the change of the image, ``low <= r <= high`` the box around it and a the form, both questions here have duals in
one number, and ``r(t) = clip(-t a, low, high)`` minimises both of their Lagrangians::

    least of a.r over |r| <= e:           max over t > 0 of  a.r(t) + (|r(t)|^2 - e^2) / 2t
    least of |r|^2 where a.r + g <= 0:    max over t >= 0 of  |r(t)|^2 + 2 t (a.r(t) + g)

Every t gives a lower bound: that t is found in floating point, and not to the last bit, takes nothing from a proof.
Where gradients are wanted, they are those at t, as the envelope theorem has it.
"""

from dataclasses import dataclass

import torch

from blindspots.spectral.relaxation.fused_ball import fused_least, fused_nearest, fused_packed

_NEVER = 1e150
"""In the place of an infinite t."""
_STEPS = 24
_THIN = 4
"""Forms that have so many times fewer values than the image are packed."""


@dataclass(frozen=True)
class Box:
    """How far the values of images (n, p) can move: down to ``low`` <= 0 and up to ``high`` >= 0."""

    images: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor

    @classmethod
    def around(cls, images: torch.Tensor) -> "Box":
        """Return the box [0, 1] around images (n, ...)."""
        rows = images.flatten(1)
        return cls(rows, -rows, 1 - rows)

    def at(self, places: torch.Tensor) -> "Box":
        """Return that of some of the images."""
        return Box(self.images[places], self.low[places], self.high[places])

    @property
    def farthest(self) -> torch.Tensor:
        """How far the farthest corner is, (n,)."""
        far: torch.Tensor = torch.maximum(-self.low, self.high).norm(dim=1) * (1 + 1e-12)
        return far


def least(forms: torch.Tensor, box: Box, radius: torch.Tensor) -> torch.Tensor:
    """Return a lower bound (n, s) of forms at the images moved within the radii (n,) and the box; as a rule the least.

    ``forms``: (n, s, p), or (1, s, p) for the same ones of every image.
    """
    if forms.device.type == "cpu":
        packed = _packed(forms)
        if packed is not None:
            return fused_packed(*packed, box.images, box.low, box.high, radius)
        return fused_least(forms, box.images, box.low, box.high, radius)
    return least_in_torch(forms, box, radius)


def least_in_torch(forms: torch.Tensor, box: Box, radius: torch.Tensor) -> torch.Tensor:
    """Do what :func:`least` does by operations of torch, on any device."""
    images, low, high = box.images[:, None], box.low[:, None], box.high[:, None]
    room = radius[:, None].square()
    with torch.no_grad():
        fixed = forms.detach()
        square = fixed.square()
        norm = square.sum(dim=2).sqrt().clamp_min(1e-150)
        steepness = (radius[:, None] / norm).clamp_max(_NEVER).expand(len(radius), -1).contiguous()
        for _ in range(_STEPS):
            # where some values are held by the box, the others can go farther: |r|^2 = e^2 with those held left out
            change = -steepness[..., None] * fixed
            held = (change <= low) | (change >= high)
            clipped = torch.minimum(torch.maximum(change, low), high)
            taken = torch.where(held, clipped.square(), 0).sum(dim=2)
            free = torch.where(held, 0, square).sum(dim=2)
            farther = ((room - taken).clamp_min(0) / free.clamp_min(1e-300)).sqrt()
            farther = torch.where(free > 0, farther, _NEVER).clamp_max(_NEVER)
            more = farther > steepness * (1 + 1e-12)
            steepness = torch.where(more, farther, steepness)
            if not bool(more.any()):
                break
        change = torch.minimum(torch.maximum(-steepness[..., None] * fixed, low), high)
        beyond = (change.square().sum(dim=2) - room) / (2 * steepness)
    return (forms * (images + change)).sum(dim=2) + beyond.clamp_max(0)


def nearest(forms: torch.Tensor, gap: torch.Tensor, box: Box) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a lower bound (n,) of how far an image must move for ``form . change + gap <= 0``, and the change (n, p).

    Infinity where no image of the box gets there. ``forms``: (n, p); ``gap``: (n,), of which those not above 0 are 0
    away.
    """
    if forms.device.type == "cpu":
        return fused_nearest(forms, gap, box.low, box.high)
    return nearest_in_torch(forms, gap, box)


def nearest_in_torch(forms: torch.Tensor, gap: torch.Tensor, box: Box) -> tuple[torch.Tensor, torch.Tensor]:
    """Do what :func:`nearest` does by operations of torch, on any device."""
    square = forms.square()
    steepness = (gap / square.sum(dim=1).clamp_min(1e-300)).clamp(0, _NEVER)
    for _ in range(_STEPS):
        # Newton's step on -a.r(t), which is concave in t: it never goes too far
        change = torch.minimum(torch.maximum(-steepness[:, None] * forms, box.low), box.high)
        free = torch.where((change > box.low) & (change < box.high), square, 0).sum(dim=1)
        left = gap + (forms * change).sum(dim=1)
        more = (left > 1e-13 * gap) & (free > 0)
        steepness = torch.where(more, (steepness + left / free.clamp_min(1e-300)).clamp_max(_NEVER), steepness)
        if not bool(more.any()):
            break
    change = torch.minimum(torch.maximum(-steepness[:, None] * forms, box.low), box.high)
    bound = change.square().sum(dim=1) + 2 * steepness * ((forms * change).sum(dim=1) + gap)
    never = (forms * torch.where(forms > 0, box.low, box.high)).sum(dim=1) + gap > 0
    distance = bound.clamp_min(0).sqrt() * (1 - 1e-9)
    return torch.where(gap > 0, torch.where(never, torch.inf, distance), 0), change


def _packed(forms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return forms (1, s, p) as (s, q), and their places, where few of their values are not 0; None otherwise."""
    if len(forms) != 1 or forms.requires_grad or not forms.shape[1]:
        return None
    most = max(1, int((forms[0] != 0).sum(dim=1).max()))
    if most * _THIN > forms.shape[2]:
        return None
    _, places = forms[0].abs().topk(most, dim=1)
    return forms[0].gather(1, places), places
