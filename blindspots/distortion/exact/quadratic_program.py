"""The exact projection of images onto polyhedra inside the box, and the proof that a point is the nearest.

In terms of the step s from the origin x: the least ``|s|^2 / 2`` with ``normals s >= gaps`` and ``-x <= s <= 1 - x``
(the "convex case" of section 4.1). With multipliers l >= 0 its dual is
``D(l) = |s(l)|^2 / 2 + l . (gaps - normals s(l))``, where ``s(l) = clip(normals' l, -x, 1 - x)``: concave and piecewise
quadratic. Steps, not points, are computed, so that the smallest keep their relative accuracy.
"""

from dataclasses import dataclass, fields

import torch

from blindspots.distortion.exact.least_distance import least_step
from blindspots.distortion.rows import dot, take

_STEPS = 300  # a dozen is usual; only a row that cannot be settled takes all
_RIDGE, _LEAST, _MOST = 1e-6, 1e-7, 1e9  # against the Hessian of normals of length 1
_RELAXED, _STIFFENED = 0.25, 10.0
_SUFFICIENT, _OVERSHOOT = 1e-4, 0.9
_ACCURATE = 1e-13
_CERTAIN = 1e-12
_SETTLED = 1e-10  # a residual above is tried again


@dataclass(frozen=True)
class Polyhedra:
    """n origins in the box and the c half-spaces that a step from each is to reach, in float64."""

    origin: torch.Tensor
    """(n, m) in [0, 1]."""
    normals: torch.Tensor
    """(n, c, m)."""
    gaps: torch.Tensor
    """(n, c) what ``normals s`` has to come to: what is missing at the origin."""


@dataclass(frozen=True)
class ExactProjection:
    """The shortest steps of n origins into their polyhedra of c half-spaces, in float64."""

    step: torch.Tensor
    """(n, m) from the origin to the nearest point; of no meaning where there is none."""
    multipliers: torch.Tensor
    """(n, c) of the half-spaces; where there is no point, those that prove it."""
    reachable: torch.Tensor
    """(n,) bool: False where it is proved that no point of the box lies in all half-spaces."""


@dataclass
class _Ascent:
    """What is held for each row that is still moving: its problem, its last good multipliers, and those on trial."""

    row: torch.Tensor
    origin: torch.Tensor
    normals: torch.Tensor
    gaps: torch.Tensor
    held: torch.Tensor
    missing: torch.Tensor  # at the multipliers held: the dual's gradient
    gram: torch.Tensor  # minus its Hessian there
    value: torch.Tensor
    ridge: torch.Tensor
    trial: torch.Tensor

    def take(self, rows: torch.Tensor) -> "_Ascent":
        return _Ascent(**{part.name: take(getattr(self, part.name), rows) for part in fields(self)})


def project_exactly(polyhedra: Polyhedra) -> ExactProjection:
    """Return the shortest steps s with ``normals s >= gaps`` that stay inside [0, 1]^m.

    The dual is maximised by projected Newton steps: multipliers that are about to become 0 follow the gradient, the
    others Newton's equation (Bertsekas 1982), damped by a ridge as Levenberg and Marquardt do, because dependent
    normals, or a box that clips almost every value, leave the Hessian singular. The ridge grows where a step does not
    raise the dual and shrinks where it does. Where no step exists the dual grows without bound, and in the end
    ``l . gaps > max over the box of l . normals s`` proves it (Farkas).

    Ends after a bounded number of steps in any case: how accurate a row is, and so whether it has ended early, is for
    :func:`residual` to say.
    """
    origin, normals, gaps = polyhedra.origin, polyhedra.normals, polyhedra.gaps
    lengths = normals.norm(dim=2)
    flat = lengths == 0  # such a half-space is everything or nothing
    lengths = lengths.masked_fill(flat, 1)
    nothing = flat & (gaps > 0)
    step, multipliers, reachable = torch.zeros_like(origin), nothing.to(gaps.dtype), ~nothing.any(dim=1)
    rows = (reachable & (gaps > 0).any(dim=1)).nonzero()[:, 0]
    if len(rows):
        scaled = (gaps / lengths).masked_fill(flat, -1.0)
        state = _start(
            rows, take(origin, rows), normals=take(normals / lengths[:, :, None], rows), gaps=take(scaled, rows)
        )
        _climb(state, ExactProjection(step, multipliers, reachable))
    found = ExactProjection(step, multipliers / lengths, reachable)
    for row in (residual(polyhedra, found) > _SETTLED).nonzero()[:, 0].tolist():
        _settle(polyhedra, found, row=row, lengths=lengths)
    return found


def _settle(polyhedra: Polyhedra, found: ExactProjection, *, row: int, lengths: torch.Tensor) -> None:
    """Solve a row again by a method that ends, and take that over where it is proved better.

    Half-spaces that meet in less than a volume, as those of a model of small rank do at a point where all classes tie,
    have multipliers without bound, which Newton's steps do not reach.
    """
    one = Polyhedra(*(getattr(polyhedra, part.name)[row : row + 1] for part in fields(Polyhedra)))
    length = lengths[row]
    other = least_step(one.origin[0], one.normals[0] / length[:, None], one.gaps[0] / length)
    if other is None:
        return
    step, multipliers, reachable = other
    step = _inside(step, one.origin[0])  # which it leaves by rounding; what that costs, the residual says
    again = ExactProjection(step[None], (multipliers / length)[None], torch.tensor([reachable], device=step.device))
    before = ExactProjection(*(getattr(found, part.name)[row : row + 1] for part in fields(ExactProjection)))
    if residual(one, again)[0] < residual(one, before)[0]:
        found.step[row], found.multipliers[row], found.reachable[row] = step, again.multipliers[0], reachable


def residual(polyhedra: Polyhedra, found: ExactProjection) -> torch.Tensor:
    """Return (n,) by how much ``found`` fails to prove that its steps are the shortest, relative to their length.

    The largest of: the distance to the half-spaces and to the box, the distance of the step from the clipped sum of
    the normals (stationarity), a negative multiplier, each over the step's length; and the duality gap ``1 - D / P``,
    which includes complementarity. By weak duality the least length is within this share of the one found, however it
    was found. Where no point is claimed to exist: 0 if the multipliers prove it, else infinite.
    """
    origin, normals, gaps = polyhedra.origin, polyhedra.normals, polyhedra.gaps
    lengths = normals.norm(dim=2)
    size = found.step.norm(dim=1)
    square = size.square() / 2
    pulled = _combined(found.multipliers, normals)
    point = origin + found.step
    wrong = torch.stack(
        [
            ((gaps - _products(normals, found.step)) / lengths.masked_fill(lengths == 0, 1)).clamp_min(0).amax(dim=1),
            torch.maximum(-point, point - 1).clamp_min(0).amax(dim=1),
            (found.step - _inside(pulled, origin)).norm(dim=1),
            (-found.multipliers * lengths).clamp_min(0).amax(dim=1),
        ]
    ).amax(dim=0)
    tiny = torch.finfo(size.dtype).tiny
    gap = (square - dual(polyhedra, found.multipliers)).abs()
    result = (wrong / size.clamp_min(tiny)).maximum(gap / square.clamp_min(tiny))
    proved = dot(found.multipliers, gaps) > _farthest(origin, pulled)
    return torch.where(found.reachable, result, torch.where(proved, 0.0, torch.inf))


def dual(polyhedra: Polyhedra, multipliers: torch.Tensor) -> torch.Tensor:
    """Return the dual's value (n,): for multipliers >= 0, at most half the square of any step into the polyhedron."""
    short = _inside(_combined(multipliers, polyhedra.normals), polyhedra.origin)
    return dot(short, short) / 2 + dot(multipliers, polyhedra.gaps - _products(polyhedra.normals, short))


def _start(rows: torch.Tensor, origin: torch.Tensor, *, normals: torch.Tensor, gaps: torch.Tensor) -> _Ascent:
    none = torch.zeros_like(gaps)
    low, ridge = torch.full_like(gaps[:, 0], -torch.inf), torch.full_like(gaps[:, 0], _RIDGE)
    gram = gaps.new_zeros(*gaps.shape, gaps.shape[1])
    return _Ascent(rows, origin, normals, gaps, none, none, gram, low, ridge, none)


def _climb(at: _Ascent, into: ExactProjection) -> None:
    """Maximise the dual of each row, and write ``into`` its places what is found."""
    for turn in range(_STEPS):
        # at the multipliers l on trial: s(l), the dual's gradient, its value, and what rounding may change in that
        moved = _combined(at.trial, at.normals)
        short = _inside(moved, at.origin)
        missing = at.gaps - _products(at.normals, short)
        square, change = dot(short, short) / 2, at.trial - at.held
        value = square + dot(at.trial, missing)
        noise = 8 * torch.finfo(value.dtype).eps * (square + dot(at.trial, missing.abs() + at.gaps.abs()))
        gain = value - at.value - _SUFFICIENT * dot(at.missing, change)
        # within rounding the values say nothing, but the slopes still do
        level = dot(missing, change) >= -_OVERSHOOT * dot(at.missing, change)
        risen = (gain >= noise) | ((gain >= -noise) & level)
        # the optimality conditions, and Farkas' proof that there is no such step: l . gaps above all that l . normals s
        # comes to in the box
        wrong = torch.where(at.trial > 0, missing.abs(), missing).amax(dim=1)
        needed, farthest = dot(at.trial, at.gaps), _farthest(at.origin, moved)
        lost = needed - farthest > _CERTAIN * (dot(at.trial, at.gaps.abs()) + farthest)
        done = lost | (wrong <= _ACCURATE * square.sqrt()) | (at.ridge > _MOST)
        if turn + 1 == _STEPS:
            done = torch.ones_like(done)
        ended = done.nonzero()[:, 0]
        place = take(at.row, ended)
        into.step[place], into.multipliers[place], into.reachable[place] = (
            take(short, ended),
            take(at.trial, ended),
            ~take(lost, ended),
        )
        open_ = (moved >= -at.origin) & (moved <= 1 - at.origin)  # on a kink the larger Hessian: the shorter step
        up = (risen & ~done).nonzero()[:, 0]
        normals = take(at.normals, up)
        at.gram[up] = (normals * take(open_, up)[:, None]) @ normals.transpose(1, 2)
        at.held, at.missing = (
            torch.where(risen[:, None], at.trial, at.held),
            torch.where(risen[:, None], missing, at.missing),
        )
        at.value = torch.where(risen, value, at.value)
        at.ridge = torch.where(risen, (_RELAXED * at.ridge).clamp_min(_LEAST), _STIFFENED * at.ridge)
        if len(ended) == len(done):
            return
        if len(ended):
            at = at.take((~done).nonzero()[:, 0])
        at.trial = (at.held + _newton(at)).clamp_min(0)


def _newton(at: _Ascent) -> torch.Tensor:
    """Return the change (n, c) of the multipliers held that is tried next."""
    away = (at.held - (at.held + at.missing).clamp_min(0)).abs().amax(dim=1)
    near = away.minimum(1e-3 * at.held.amax(dim=1))  # so that no multiplier on its way to 0 shortens the others' step
    pinned = (at.held <= near[:, None]) & (at.missing < 0)
    gentle = (at.missing / (at.gram.diagonal(dim1=1, dim2=2) + at.ridge[:, None])).maximum(-at.held)
    # (G + ridge I) change = gradient over the multipliers that are free; the pinned ones follow the gradient alone
    system = at.gram.masked_fill(pinned[:, :, None] | pinned[:, None, :], 0)
    system.diagonal(dim1=1, dim2=2).add_(pinned + at.ridge[:, None])
    wanted = at.missing.masked_fill(pinned, 0)
    return torch.where(pinned, gentle, torch.cholesky_solve(wanted[:, :, None], _factor(system))[:, :, 0])


def _factor(system: torch.Tensor) -> torch.Tensor:
    lower: torch.Tensor = torch.linalg.cholesky_ex(system).L
    return lower


def _combined(multipliers: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
    return (multipliers[:, None] @ normals)[:, 0]


def _products(normals: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    return (normals @ step[:, :, None])[:, :, 0]


def _inside(step: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
    return step.maximum(-origin).minimum(1 - origin)


def _farthest(origin: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """Return the largest inner product (n,) of ``direction`` with a step inside the box."""
    return torch.maximum(-origin * direction, (1 - origin) * direction).sum(dim=1)
