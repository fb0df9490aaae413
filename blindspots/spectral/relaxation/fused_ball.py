"""The fused path of :mod:`.ball`: what it does in one pass a row, which stays in the first cache, on the CPU.

Bounds differ from those of :mod:`.ball` by where the search for the dual's number ends, and by rounding.
"""

import numpy as np
import torch

from blindspots.compiled import compiled, inlined

_NEVER = 1e150
_STEPS = 40
_NEAR = 1e-6
"""Of t, by which the bound is off by a share of its square."""


@inlined
def _least_row(form, image, low, high, radius, change):  # type: ignore[no-untyped-def]
    """Return what :func:`.ball.least` does of one row; ``change`` is overwritten."""
    square = 0.0
    for j in range(form.size):
        square += form[j] * form[j]
    steepness = min(radius / np.sqrt(max(square, 1e-300)), _NEVER)
    room = radius * radius
    for _ in range(_STEPS):
        taken, free = 0.0, 0.0
        for j in range(form.size):
            moved = -steepness * form[j]
            clipped = min(max(moved, low[j]), high[j])
            inside = low[j] < moved < high[j]
            taken += 0.0 if inside else clipped * clipped
            free += form[j] * form[j] if inside else 0.0
        farther = min(np.sqrt(max(room - taken, 0.0) / free), _NEVER) if free > 0.0 else _NEVER
        if farther <= steepness * (1 + _NEAR):
            break
        steepness = farther
    total, length = 0.0, 0.0
    for j in range(form.size):
        clipped = min(max(-steepness * form[j], low[j]), high[j])
        change[j] = clipped
        total += form[j] * (image[j] + clipped)
        length += clipped * clipped
    return total + min((length - room) / (2 * steepness), 0.0)


@compiled
def _least(forms, images, low, high, radius, values, changes):  # type: ignore[no-untyped-def]
    """Write ``values`` (n, s), and ``changes`` (n, s, p), or (1, 1, p) where those are of no use."""
    kept = changes.shape[0] == values.shape[0] and changes.shape[1] == values.shape[1]
    for i in range(values.shape[0]):
        own = i if forms.shape[0] > 1 else 0
        for k in range(values.shape[1]):
            change = changes[i, k] if kept else changes[0, 0]
            values[i, k] = _least_row(forms[own, k], images[i], low[i], high[i], radius[i], change)


@compiled
def _least_packed(forms, places, images, low, high, radius, values):  # type: ignore[no-untyped-def]
    """Write ``values`` (n, s) of forms (s, q) that have their values at ``places`` (s, q)."""
    size = forms.shape[1]
    image, down, up, change = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    for i in range(values.shape[0]):
        for k in range(values.shape[1]):
            for j in range(size):
                at = places[k, j]
                image[j], down[j], up[j] = images[i, at], low[i, at], high[i, at]
            values[i, k] = _least_row(forms[k], image, down, up, radius[i], change)


@compiled
def _nearest(forms, gaps, low, high, distances, changes):  # type: ignore[no-untyped-def]
    """Write what :func:`.ball.nearest` returns, ``distances`` (n,) and ``changes`` (n, p)."""
    for i in range(len(forms)):
        form, gap, down, up, change = forms[i], gaps[i], low[i], high[i], changes[i]
        square, reach = 0.0, gap
        for j in range(form.size):
            square += form[j] * form[j]
            reach += form[j] * (down[j] if form[j] > 0.0 else up[j])
        steepness = min(max(gap / max(square, 1e-300), 0.0), _NEVER)
        left, length = 0.0, 0.0
        for step in range(_STEPS):
            left, length, free = gap, 0.0, 0.0
            for j in range(form.size):
                moved = -steepness * form[j]
                clipped = min(max(moved, down[j]), up[j])
                change[j] = clipped
                left += form[j] * clipped
                length += clipped * clipped
                free += form[j] * form[j] if down[j] < moved < up[j] else 0.0
            if step == _STEPS - 1 or left <= 1e-13 * gap or free <= 0.0 or steepness >= _NEVER:
                break
            steepness = min(steepness + left / free, _NEVER)
        if gap <= 0.0:
            distances[i] = 0.0
        elif reach > 0.0:
            distances[i] = np.inf
        else:
            distances[i] = np.sqrt(max(length + 2 * steepness * left, 0.0)) * (1 - 1e-9)


class _Least(torch.autograd.Function):
    """The least of forms, whose gradient by the form is where the least is reached."""

    @staticmethod
    def forward(ctx, forms, images, low, high, radius):  # type: ignore[no-untyped-def]
        values = forms.new_empty(len(images), forms.shape[1])
        shape = (len(images), forms.shape[1]) if ctx.needs_input_grad[0] else (1, 1)
        changes = forms.new_empty(*shape, forms.shape[2])
        _least(*(each.detach().numpy() for each in (forms, images, low, high, radius, values, changes)))
        ctx.save_for_backward(images, changes)
        return values

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        images, changes = ctx.saved_tensors
        return gradient[..., None] * (images[:, None] + changes), None, None, None, None


def fused_least(
    forms: torch.Tensor, images: torch.Tensor, low: torch.Tensor, high: torch.Tensor, radius: torch.Tensor
) -> torch.Tensor:
    """As :func:`.ball.least`, of forms (n or 1, s, p) in the box (n, p) around images."""
    values: torch.Tensor = _Least.apply(forms.contiguous(), images, low, high, radius)  # type: ignore[no-untyped-call]
    return values


def fused_packed(
    forms: torch.Tensor,
    places: torch.Tensor,
    images: torch.Tensor,
    low: torch.Tensor,
    high: torch.Tensor,
    radius: torch.Tensor,
) -> torch.Tensor:
    """As :func:`fused_least`, of forms (s, q) that are 0 but at their ``places`` (s, q), the same for every image."""
    values = forms.new_empty(len(images), len(forms))
    _least_packed(*(each.numpy() for each in (forms.contiguous(), places, images, low, high, radius, values)))
    return values


def fused_nearest(
    forms: torch.Tensor, gap: torch.Tensor, low: torch.Tensor, high: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """As :func:`.ball.nearest`."""
    distances, changes = torch.empty(gap.shape, dtype=gap.dtype), torch.empty(forms.shape, dtype=forms.dtype)
    given = (each.detach().contiguous().numpy() for each in (forms, gap, low, high))
    _nearest(*given, distances.numpy(), changes.numpy())
    return distances, changes
