"""More starts than one, for networks that are not smooth: each ends where lines to the boundary turn no more.

In a network that is linear in pieces every piece has a boundary of its own, and a search ends at the nearest point of
one of them. Others are found from other starts: the end of the paper's method, points under noise beyond the best, the
likely classes one by one, and in up to three dimensions the points of a grid.
"""

import torch

from blindspots.distortion.criteria import AnyOther, Criterion, Towards
from blindspots.distortion.drawing_back import LONG, draw_back
from blindspots.distortion.lbfgs.lbfgs import MOST_VALUES, Search, penalised
from blindspots.distortion.methods import Auto, Lbfgs
from blindspots.distortion.problem import Problem
from blindspots.distortion.refinement import refine
from blindspots.distortion.row_work import RowWork
from blindspots.distortion.rows import take

_BEYOND, _NOISE = 1.1, 1.0
"""A hop begins so many times as far as the best, with noise of so many times its length."""
_NEARER = 1e-4
"""A share that counts."""
_GRID = {1: 4097, 2: 129, 3: 41}
"""Values an axis, by dimension."""


def turn(problem: Problem, wanted: Criterion, *, method: Auto, work: RowWork) -> None:
    """Go on from the problem's best, and from other starts, as the method's effort has it.

    ``wanted``: of the problem's n rows.
    """
    tries = method.tries
    before = take(problem.best.size, problem.images)
    if tries.lines:
        _turned(problem, work)
    if tries.starts:
        _from_the_other_method(problem, wanted, method=method, work=work)
    jagged = torch.arange(len(before), device=before.device)
    if not tries.methods:  # where neither was of use the boundary is smooth, and other starts would end there too
        jagged = (take(problem.best.size, problem.images) < (1 - _NEARER) * before).nonzero()[:, 0]
    for hop in range(tries.hops if len(jagged) else 0):
        _hop(problem.take(jagged), wanted.take(jagged), hop=hop, work=work)
    if isinstance(wanted, AnyOther):
        for rank in range(min(tries.targets, problem.classifier.classes - 1)):
            _towards(problem, wanted, rank=rank, method=method, work=work)
    elif tries.methods:
        again = problem.begun_anew(wanted.targets)
        penalise(again, wanted, method=Lbfgs(), work=work)
        problem.include(again)
    if tries.methods and problem.rows.shape[1] in _GRID:
        _from_the_grid(problem, wanted, work=work)


def penalise(problem: Problem, wanted: Criterion, *, method: Lbfgs, work: RowWork) -> None:
    """Search by L-BFGS with a c for every image."""
    how = Search(method.penalty == "squared", method.values, MOST_VALUES, method.iterations, method.tolerance)
    with problem.best.credited("lbfgs"):
        penalised(problem, wanted, minimiser=work.minimiser, search=how)


def _turned(problem: Problem, work: RowWork) -> None:
    """Turn lines to what is found until it is no nearer."""
    found = torch.isfinite(take(problem.best.size, problem.images)).nonzero()[:, 0]
    if len(found):
        some = problem.take(found)
        with problem.best.credited("drawing back"):
            draw_back(some, take(problem.best.target, some.images), work=work, turns=LONG)


def _from_the_other_method(problem: Problem, wanted: Criterion, *, method: Auto, work: RowWork) -> None:
    """Begin where the ordinary search did not: nearest from L-BFGS's end, a target from the image itself."""
    again = problem.begun_anew(take(problem.best.target, problem.images))
    if isinstance(wanted, AnyOther):
        penalise(again, wanted, method=method.lbfgs, work=work)
    else:
        with again.best.credited("refinement"):
            refine(again, wanted.targets, work=work)
    _turned(again, work)
    problem.include(again)


def _hop(problem: Problem, wanted: Criterion, *, hop: int, work: RowWork) -> None:
    """Begin under noise beyond the best: the same for every image, so that none depends on its companions."""
    again = problem.begun_anew(take(problem.best.target, problem.images))
    step = take(problem.best.point, problem.images) - problem.rows
    drawn = torch.randn(step.shape[1], generator=torch.Generator().manual_seed(hop)).to(step)
    noise = drawn * (step.abs() + 0.1 * step.abs().amax(dim=1, keepdim=True))  # mostly where it was changed before
    length = step.norm(dim=1, keepdim=True)
    noise *= _NOISE * length / noise.norm(dim=1, keepdim=True).clamp_min(torch.finfo(step.dtype).tiny)
    _offered(again, (problem.rows + _BEYOND * step + noise).clamp(0, 1), wanted)
    _turned(again, work)
    problem.include(again)


def _offered(problem: Problem, points: torch.Tensor, wanted: Criterion) -> None:
    """Offer points (n, m), one a row, where they are read as wanted."""
    read = problem.classifier.logits(points).argmax(dim=1)
    problem.spent.add(problem.images, forwards=1)
    size = torch.where(wanted.reached(read), (points - problem.rows).norm(dim=1), torch.inf)
    problem.best.offer(problem.images, points, size=size, target=read)


def _towards(problem: Problem, wanted: AnyOther, *, rank: int, method: Auto, work: RowWork) -> None:
    """Search the class that is the ``rank``-th likeliest beside the label, as a target."""
    logits = problem.classifier.logits(problem.rows)
    problem.spent.add(problem.images, forwards=1)
    others = logits.scatter(1, wanted.labels[:, None], -torch.inf)
    targets = others.topk(rank + 1, dim=1).indices[:, rank]
    goal = Towards.of(targets, torch.full_like(targets, -1))
    again = problem.begun_anew(targets)
    penalise(again, goal, method=method.lbfgs, work=work)
    found = torch.isfinite(again.best.size).nonzero()[:, 0]
    if len(found):
        with again.best.credited("refinement"):
            refine(again.take(found), targets[found], work=work)
    _turned(again, work)
    problem.include(again)


def _from_the_grid(problem: Problem, wanted: Criterion, *, work: RowWork) -> None:
    """Begin at the nearest point of a grid that is read as wanted."""
    size = problem.rows.shape[1]
    axis = torch.linspace(0, 1, _GRID[size], dtype=problem.rows.dtype, device=problem.rows.device)
    grid = torch.cartesian_prod(*[axis] * size).reshape(-1, size)
    read = problem.classifier.logits(grid).argmax(dim=1)
    again = problem.begun_anew(take(problem.best.target, problem.images))
    for row in range(len(problem.rows)):
        one = torch.full_like(read, row)
        away = (grid - problem.rows[row]).norm(dim=1)
        away = torch.where(wanted.take(one).reached(read), away, torch.inf)
        nearest = away.argmin()
        again.best.offer(
            again.images[row : row + 1], grid[nearest][None], size=away[nearest][None], target=read[nearest][None]
        )
    _turned(again, work)
    problem.include(again)
