"""The paper's method with one weight c for a whole set: the largest that still reaches all of its images."""

import math

import torch

from blindspots.device import BATCH, rows_at_once
from blindspots.distortion.attempt import Attempt
from blindspots.distortion.lbfgs.lbfgs import Search, penalised
from blindspots.distortion.methods import Lbfgs
from blindspots.distortion.threads import Each

_FACTOR = 4.0
_MOST = 14
"""Values of c tried, beside those between the brackets."""


def with_common_c(
    attempt: Attempt, method: Lbfgs, *, todo: torch.Tensor, parts: list[torch.Tensor], each: Each
) -> torch.Tensor:
    """Return the minimisers (t, m) of the images ``todo`` at the largest c found at which all are read as wanted.

    Images that even the smallest c tried leaves unreached are not waited for, and are returned as they are. Each c
    starts from the images anew, as in the paper. Unlike with a c for every image, nothing found on the way counts: what
    is returned belongs to one c.
    """
    points: dict[float, torch.Tensor] = {}
    reached: dict[float, int] = {}

    def reach(log_c: float) -> int:
        if log_c not in reached:
            found = _minimised(attempt, method, c=math.exp(log_c), parts=parts, each=each)[todo]
            parts_of_found = found.split(rows_at_once(found.shape[1], most=BATCH, device=found.device))
            read = torch.cat([attempt.classifier.logits(rows).argmax(dim=1) for rows in parts_of_found])
            success = attempt.wanted.take(todo).reached(read)
            points[log_c] = torch.where(success[:, None], found, attempt.rows[todo])
            reached[log_c] = int(success.sum())
        return reached[log_c]

    # how many are reached falls, near enough, as c rises: bracket the c at which it does, then halve its logarithm
    step = math.log(_FACTOR)
    high = 0.0 if method.penalty == "norm" else math.log(0.05)
    tries = 0
    while reach(high) < len(todo) and tries < _MOST:
        high, tries = high - step, tries + 1
    goal = max(reached.values())
    high = max(log_c for log_c, count in reached.items() if count == goal)
    low = high + step
    while reach(low) >= goal and tries < _MOST:
        high, low, tries = low, low + step, tries + 1
    for _ in range(method.values):
        middle = (high + low) / 2
        if reach(middle) >= goal:
            high = middle
        else:
            low = middle
    return points[high]


def _minimised(attempt: Attempt, method: Lbfgs, *, c: float, parts: list[torch.Tensor], each: Each) -> torch.Tensor:
    """Return the minimisers (n, m) at one c; the images themselves outside ``parts``."""
    result = attempt.rows.clone()
    search = Search(method.penalty == "squared", 0, 1, method.iterations, method.tolerance)

    def one(part: torch.Tensor) -> None:
        problem = attempt.problem(part)
        result[part] = penalised(
            problem,
            attempt.wanted.take(part),
            minimiser=attempt.work.minimiser,
            search=search,
            c=torch.full_like(problem.rows[:, 0], c),
        )
        attempt.spent.include(part, problem.spent)

    each(one, parts)
    return result
