"""In which order the methods are tried on a batch, and when more is tried."""

from collections.abc import Iterable
from dataclasses import replace

import torch

from blindspots.distortion.attempt import Attempt
from blindspots.distortion.best import FOUND_BY
from blindspots.distortion.common_c import with_common_c
from blindspots.distortion.criteria import AnyOther, Criterion, Towards
from blindspots.distortion.drawing_back import FROM_CLASSES, draw_back
from blindspots.distortion.lines.climbing import classes_to_climb_to, climbed, cut_from_there
from blindspots.distortion.lines.rescue import cross, rescue
from blindspots.distortion.lines.turning import from_the_grid, penalise, turn
from blindspots.distortion.methods import Auto, Lbfgs, Method, Projection
from blindspots.distortion.problem import Problem
from blindspots.distortion.projection.projection import LATE, nearest
from blindspots.distortion.refinement import refine
from blindspots.distortion.row_work import RowWork
from blindspots.distortion.rows import take
from blindspots.distortion.threads import Each
from blindspots.models.unknown.differenced import Differenced

_FARTHER = 2.0
"""A boundary that is so many times as far as it looked from the image may not be the nearest."""
_SATURATED = 0.7
"""One of a smooth network that is nearer than this share of how far it looked: the logits saturate at the image, and
slopes there are no guide to which class is the nearest."""
_FAR_WHERE_SMOOTH = 0.12
"""A distortion from which boundaries of smooth networks are looked for from elsewhere, by an effort that does so."""
_BEFORE_CUTS = 15
"""Rounds of the projection where cuts go on from its end."""


def search(attempt: Attempt, method: Method, *, parts: Iterable[torch.Tensor], each: Each) -> None:
    """Search all ``parts`` (indices of the images to be moved) and keep in ``attempt`` what is found.

    Every part is searched by ``method`` for itself, as ``each`` has it. What :class:`.Auto` leaves without a point is
    tried again by :func:`.rescue`, which looks at the whole batch, part by part in their order.
    """
    parts = list(parts)
    if isinstance(method, Lbfgs) and method.c == "set" and parts:
        todo = torch.cat(parts)
        attempt.point[todo] = with_common_c(attempt, method, todo=todo, parts=parts, each=each)
        attempt.by[todo] = FOUND_BY.index("lbfgs")
        return
    failed: list[tuple[torch.Tensor, Problem]] = []

    def one(part: torch.Tensor) -> None:
        problem = attempt.problem(part)
        _first(problem, attempt.wanted.take(part), method=method, work=attempt.work)
        attempt.keep(part, problem)
        left = torch.isinf(problem.best.size).nonzero()[:, 0]
        if len(left) and isinstance(method, Auto):  # a method asked for by name stays what it is
            failed.append((part, problem))

    each(one, parts)
    for part, problem in sorted(failed, key=lambda entry: int(entry[0][0])):
        again = problem.counted_anew()
        rescue(attempt, again, part=part)
        attempt.keep(part, again)
    if isinstance(method, Auto) and method.tries.crossed and isinstance(attempt.classifier, Differenced):
        for part in parts:
            again = attempt.resumed(part)
            cross(attempt, again, part=part, most=method.tries.crossed)
            attempt.keep(part, again)
    if isinstance(method, Auto) and parts:
        _from_afar(attempt, method, todo=torch.cat(parts))


def search_every_class(attempt: Attempt, method: Auto, *, size: int, each: Each) -> None:
    """Search every class as a target, just as :func:`.distances_to_all` does, and keep what is nearer.

    ``size``: of the parts that a batch is searched in.
    """
    for goal in range(attempt.classifier.classes):
        wanted = Towards.of(torch.full_like(attempt.labels, goal), attempt.labels)
        aimed = replace(attempt, wanted=wanted)
        todo = (~(wanted.reached(attempt.clean) | wanted.own)).nonzero()[:, 0]
        search(aimed, method, parts=todo.split(size), each=each)
        attempt.take_over(aimed, todo[take(attempt.clean == attempt.labels, todo)])


def _from_afar(attempt: Attempt, method: Auto, *, todo: torch.Tensor) -> None:
    """Search once more, from pictures that the classes are climbed to, for what is far from its image or not found."""
    size = torch.linalg.vector_norm(take(attempt.point, todo) - take(attempt.rows, todo), dim=1)
    missed = attempt.by[todo] == 0
    rough = attempt.classifier.rough
    looks_afar = rough or method.tries.methods
    limit = method.tries.far if rough else max(method.tries.far, _FAR_WHERE_SMOOTH)
    far = (size > limit * attempt.rows.shape[1] ** 0.5) & looks_afar
    some = todo[missed | far]
    if not len(some):
        return
    wanted = attempt.wanted.take(some)
    classes = classes_to_climb_to(wanted, attempt.classifier.classes)
    passes = 2 * attempt.rows.shape[1] if isinstance(attempt.classifier, Differenced) else 1
    reached = climbed(attempt.classifier, attempt.rows, classes, starts=method.tries.climbs, passes=passes)
    if reached is None:
        return
    problem = attempt.resumed(some)
    before = problem.best.size.clone()
    cut_from_there(problem, wanted, reached, starts=method.tries.climbs // 16, work=attempt.work)
    if looks_afar:
        moved = (problem.best.size < before).nonzero()[:, 0]
        if len(moved):
            turn(problem.take(moved), wanted.take(moved), method=method, work=attempt.work)
    attempt.keep(some, problem)


def _first(problem: Problem, wanted: Criterion, *, method: Method, work: RowWork) -> None:
    """Do the method's ordinary search, and what its effort adds to that."""
    if isinstance(method, Lbfgs):
        penalise(problem, wanted, method=method, work=work)
    elif isinstance(wanted, AnyOther):
        of = method.projection if isinstance(method, Auto) else method
        most, dropping = of.rounds, LATE
        if isinstance(method, Auto):
            rough = problem.classifier.rough
            dropping = method.tries.dropping if rough else method.tries.smooth
            most = min(most, _BEFORE_CUTS) if rough and method.tries.lines else most
        with problem.best.credited("projection"):
            looked = nearest(problem, wanted.labels, rounds=work.rounds, most=most, dropping=dropping)
        if isinstance(method, Auto):
            found = problem.best.size
            _both(problem, wanted, method=method, work=work, some=(found > _FARTHER * looked).nonzero()[:, 0])
            saturated = (found < _SATURATED * looked).nonzero()[:, 0]
            if method.tries.saturated and not problem.classifier.rough and len(saturated):
                some = problem.take(saturated)
                turn(some, wanted.take(saturated), method=method, work=work, targets=method.tries.saturated)
    elif isinstance(method, Projection):
        _refine(problem, work, some=problem.images)  # from the images themselves
    else:
        _both(problem, wanted, method=method, work=work, some=problem.images)
    if isinstance(method, Auto) and method.tries.methods:
        from_the_grid(problem, wanted, work=work)
    if isinstance(method, Auto) and (problem.classifier.rough or method.tries.methods):
        found = torch.isfinite(problem.best.size).nonzero()[:, 0]
        if len(found):
            turn(problem.take(found), wanted.take(found), method=method, work=work)


def _both(problem: Problem, wanted: Criterion, *, method: Auto, work: RowWork, some: torch.Tensor) -> None:
    """Search for some of the rows (indices) by L-BFGS, and go on from what is the best."""
    many = problem.classifier.classes >= FROM_CLASSES
    if not len(some):
        return
    penalise(problem.take(some), wanted.take(some), method=method.among_many if many else method.lbfgs, work=work)
    found = some[torch.isfinite(problem.best.size[some])]
    if many and len(found):
        with problem.best.credited("drawing back"):
            found = found[draw_back(problem.take(found), problem.best.target[found], work=work)]
    _refine(problem, work, some=found)


def _refine(problem: Problem, work: RowWork, *, some: torch.Tensor) -> None:
    """Go on from what is best for some of the rows (indices), towards the classes reached there."""
    if len(some):
        with problem.best.credited("refinement"):
            refine(problem.take(some), problem.best.target[some], work=work)
