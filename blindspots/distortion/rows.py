"""Row-wise arithmetic in the form that is fastest on a CPU: no boolean masks of images, no tiny matrix products."""

import torch


def dot(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the inner product of each pair of rows (n,)."""
    return (first * second).sum(dim=1)


def inside(values: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Return ``values`` where ``position`` lies strictly between 0 and 1, and 0 elsewhere."""
    result: torch.Tensor = torch.ops.aten.hardtanh_backward(values, position, 0.0, 1.0)
    return result


def unblocked(gradient: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    """Return ``gradient``, 0 where its descent would leave [0, 1]: at 0 where it is positive, at 1 where negative."""
    return unblocked_like(gradient, gradient, point)


def unblocked_like(values: torch.Tensor, gradient: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    """Return ``values``, 0 where :func:`unblocked` sets ``gradient`` to 0."""
    # threshold_backward(v, u, 0) is v where u > 0, else 0: a value is blocked at 0 where -gradient <= 0 as well
    open_below = torch.ops.aten.threshold_backward(values, torch.maximum(point, -gradient), 0.0)
    result: torch.Tensor = torch.ops.aten.threshold_backward(open_below, torch.maximum(1 - point, gradient), 0.0)
    return result


def take(values: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return the rows (indices) of ``values``."""
    return values.index_select(0, rows)
