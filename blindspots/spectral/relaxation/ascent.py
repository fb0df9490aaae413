"""Steps up a gradient within limits, by Adam's rule: how slopes and multipliers are looked for."""

from collections.abc import Sequence

import torch

_RATE, _LAST, _LEAST_STEPS = 0.15, 0.2, 40
"""Of the first step, in units of the variables, what is left of that at the last one, and of how many at the least."""
_FIRST, _SECOND = 0.8, 0.98
"""Decays of the means of gradients and of their squares."""


class Ascent:
    """Variables, which are changed in place."""

    def __init__(
        self,
        variables: Sequence[torch.Tensor],
        *,
        scales: Sequence[float | torch.Tensor],
        most: Sequence[float],
        steps: int,
    ) -> None:
        """Take ``variables`` between 0 and ``most``, in which units each moves, and how many steps are to come."""
        self.variables, self.scales, self.most = variables, scales, most
        self._decay = _LAST ** (1 / max(steps, _LEAST_STEPS))
        self._first = [torch.zeros_like(each) for each in variables]
        self._second = [torch.zeros_like(each) for each in variables]
        self._steps = 0

    def step(self, value: torch.Tensor) -> None:
        """Move up the gradient of the sum of ``value`` (n,), which was computed from the variables."""
        gradients = torch.autograd.grad(value, self.variables, torch.ones_like(value), allow_unused=True)
        rate = _RATE * self._decay**self._steps
        self._steps += 1
        with torch.no_grad():
            for at, (each, gradient) in enumerate(zip(self.variables, gradients, strict=True)):
                if gradient is None:
                    continue
                self._first[at].mul_(_FIRST).add_(gradient, alpha=1 - _FIRST)
                self._second[at].mul_(_SECOND).addcmul_(gradient, gradient, value=1 - _SECOND)
                mean = self._first[at] / (1 - _FIRST**self._steps)
                root = (self._second[at] / (1 - _SECOND**self._steps)).sqrt()
                each.requires_grad_(False)
                each.add_(rate * self.scales[at] * mean / root.clamp_min(1e-150)).clamp_(0, self.most[at])
                each.requires_grad_(True)
