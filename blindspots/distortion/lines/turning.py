"""More starts than one, for networks that are not smooth: each ends at a kink of the boundary, found by cuts.

In a network that is linear in pieces every piece has a boundary of its own, and a search ends at the nearest point of
one of them. Others are found from other starts: where the boundaries of other classes look to be, points under noise
beyond the best, the likely classes one by one as targets, and in up to three dimensions the points of a grid.
"""

import torch

from blindspots.device import rows_at_once
from blindspots.distortion.criteria import AnyOther, Criterion, Towards
from blindspots.distortion.drawing_back import FROM_CLASSES
from blindspots.distortion.lbfgs.lbfgs import MOST_VALUES, Search, penalised
from blindspots.distortion.lines.cutting import CUTS, cut
from blindspots.distortion.methods import Auto, Lbfgs
from blindspots.distortion.problem import Problem
from blindspots.distortion.refinement import refine
from blindspots.distortion.row_work import RowWork
from blindspots.distortion.rows import take
from blindspots.models.classifier import contrast

_HOPS = ((1.6, 1.0), (1.3, 0.6))
"""Hops in turn begin so many times as far as the best, under noise of so many times the best's length: first where
other pieces of the boundary are, then near what that found."""
_CUTS, _FEW_CUTS = 14, 12
"""Cuts from one start, and from one that another class's boundary is looked for from."""
_CLASSES, _PAST = 2, 1.5
"""Likely classes beside the one found, whose boundaries are begun at: so many times as far as they look from the
image."""
_NEARER = 1e-3
"""A share that counts."""
_ARRAYS = CUTS + 10
"""Of images, for each row that is cut from."""
_GRID = {1: 4097, 2: 129, 3: 41}
"""Values an axis, by dimension."""


def turn(problem: Problem, wanted: Criterion, *, method: Auto, work: RowWork, targets: int | None = None) -> None:
    """Go on from the problem's best, and from other starts, as the method's effort has it.

    ``wanted``: of the problem's n rows; ``targets``: in the place of the effort's.
    """
    tries = method.tries
    if targets is None:  # those that are searched as targets in full need not be here
        targets = 0 if tries.classes and problem.classifier.classes < FROM_CLASSES else tries.targets
    if tries.lines:
        _cut(problem, wanted, work)
    if tries.starts and isinstance(wanted, Towards):
        _from_the_image(problem, wanted, work=work)
    elif tries.starts and isinstance(wanted, AnyOther):
        _from_other_classes(problem, wanted, work=work)
    hopping = torch.arange(len(problem.rows), device=problem.rows.device)
    for hop in range(tries.hops):
        some, sought = problem.take(hopping), wanted.take(hopping)
        before = take(problem.best.size, some.images)
        _hop(some, sought, hop=hop, starts=tries.at_once, work=work)
        _cut(some, sought, work)
        if not tries.methods:  # where a hop is of no use the boundary is smooth, and others would end there too
            hopping = hopping[take(problem.best.size, some.images) < (1 - _NEARER) * before]
        if not len(hopping):
            break
    if isinstance(wanted, AnyOther):
        for rank in range(min(targets, problem.classifier.classes - 1)):
            _towards(problem, wanted, rank=rank, method=method, work=work)
    elif tries.methods:
        again = problem.begun_anew(wanted.targets)
        penalise(again, wanted, method=Lbfgs(), work=work)
        problem.include(again)


def penalise(problem: Problem, wanted: Criterion, *, method: Lbfgs, work: RowWork) -> None:
    """Search by L-BFGS with a c for every image."""
    how = Search(method.penalty == "squared", method.values, MOST_VALUES, method.iterations, method.tolerance)
    with problem.best.credited("lbfgs"):
        penalised(problem, wanted, minimiser=work.minimiser, search=how)


def _cut(problem: Problem, wanted: Criterion, work: RowWork) -> None:
    """Go on from what is found, by cuts."""
    found = torch.isfinite(take(problem.best.size, problem.images)).nonzero()[:, 0]
    if len(found):
        some = problem.take(found)
        with problem.best.credited("cuts"):
            cut(some, wanted.take(found), take(problem.best.point, some.images), rounds=_CUTS, work=work)


def _cut_from_several(problem: Problem, wanted: Criterion, starts: torch.Tensor, *, rounds: int, work: RowWork) -> None:
    """Go on from several points of each row at once: ``starts`` (n, s, m)."""
    count = starts.shape[1]
    at_once = max(1, rows_at_once(starts.shape[2], arrays=_ARRAYS, device=starts.device) // count)
    with problem.best.credited("cuts"):
        for part in torch.arange(len(starts), device=starts.device).split(at_once):
            several = part.repeat_interleave(count)
            begun = starts[part].flatten(0, 1)
            cut(problem.take(several), wanted.take(several), begun, rounds=rounds, work=work)


def _from_other_classes(problem: Problem, wanted: AnyOther, *, work: RowWork) -> None:
    """Begin beyond where the boundaries of likely classes beside the one found look to be from the image."""
    classes = min(_CLASSES, problem.classifier.classes - 2)
    if classes < 1:
        return
    logits, tape = problem.classifier.evaluate(problem.rows)
    own, found = wanted.labels[:, None], take(problem.best.target, problem.images)[:, None]
    likely = logits.scatter(1, own, -torch.inf).scatter(1, found, -torch.inf).topk(classes, dim=1).indices
    normals = problem.classifier.pullbacks(tape, contrast(likely, own, like=logits))
    problem.spent.add(problem.images, forwards=1, backwards=classes)
    rows, flat = problem.rows.repeat_interleave(classes, dim=0), normals.flatten(0, 1)
    gaps = (logits.gather(1, own) - logits.gather(1, likely)).flatten()
    seen, _ = work.project(rows, flat, level=(rows * flat).sum(dim=1) + gaps)
    starts = torch.lerp(rows, seen, _PAST).clamp(0, 1).reshape(normals.shape)
    _cut_from_several(problem, wanted, starts, rounds=_FEW_CUTS, work=work)


def _from_the_image(problem: Problem, wanted: Towards, *, work: RowWork) -> None:
    """Begin a target where the ordinary search did not: at the image itself."""
    again = problem.begun_anew(wanted.targets)
    with again.best.credited("refinement"):
        refine(again, wanted.targets, work=work)
    _cut(again, wanted, work)
    problem.include(again)


def _hop(problem: Problem, wanted: Criterion, *, hop: int, starts: int, work: RowWork) -> None:
    """Begin under noise beyond the best, the same for every image, so that none depends on its companions."""
    beyond, share = _HOPS[hop % len(_HOPS)]
    random = torch.Generator().manual_seed(hop)
    drawn = torch.randn(starts, problem.rows.shape[1], generator=random, device="cpu", dtype=torch.float32)
    step = (take(problem.best.point, problem.images) - problem.rows)[:, None]
    strength = step.abs() + 0.1 * step.abs().amax(dim=2, keepdim=True)  # mostly where it was changed before
    noise = drawn.to(step) * strength
    length = step.norm(dim=2, keepdim=True)
    noise *= share * length / noise.norm(dim=2, keepdim=True).clamp_min(torch.finfo(step.dtype).tiny)
    begun = (problem.rows[:, None] + beyond * step + noise).clamp(0, 1)
    _cut_from_several(problem, wanted, begun, rounds=_CUTS, work=work)


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
    _cut(again, goal, work)
    problem.include(again)


def from_the_grid(problem: Problem, wanted: Criterion, *, work: RowWork) -> None:
    """Begin at the nearest point of a grid that is read as wanted, whatever was found; up to 3 dimensions."""
    size = problem.rows.shape[1]
    if size not in _GRID:
        return
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
    _cut(again, wanted, work)
    problem.include(again)
