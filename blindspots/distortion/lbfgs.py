"""The paper's method: box-constrained L-BFGS on a penalty, with a search over its weight c (section 4.1).

For each c, ``c |r|^2 + cross-entropy(x + r, target)`` is minimised over ``x + r`` in [0, 1]^m. The paper prints
``c |r|`` and "minimum c"; with c on the size of r, the least distortion belongs to the *largest* c whose minimiser is
still read as the target, and that is what is searched. The squared form ends at the same distortion and is smooth at
r = 0 (slip 4). Every row has its own history, c and step and advances independently of the others.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from blindspots.distortion.best import Best
from blindspots.distortion.boundary import enough, margin
from blindspots.distortion.classifier import Classifier, gradient, worst_lead
from blindspots.distortion.effort import Effort
from blindspots.distortion.rows import dot, take, unblocked, unblocked_like

_HISTORY = 7
_SUFFICIENT = 1e-4
"""Armijo's constant."""
_FACTOR = 4.0
"""c is multiplied or divided by this until it is bracketed."""
_MOST_VALUES = 16
"""Values of c tried for a row in all."""


@dataclass
class _Rows:
    """The rows still searched; one entry each."""

    image: torch.Tensor
    origin: torch.Tensor
    target: torch.Tensor
    point: torch.Tensor
    loss: torch.Tensor
    slope: torch.Tensor
    """Gradient of the cross-entropy alone: the penalty's part is exact for any c."""
    lead: torch.Tensor
    c: torch.Tensor
    step: torch.Tensor
    inner: torch.Tensor
    """Iterations since c was last changed."""
    outer: torch.Tensor
    """Values of c tried."""
    between: torch.Tensor
    """Of those, the values tried since c was bracketed, that which closed the bracket included."""
    high: torch.Tensor
    """Logarithm of the largest c that reached the target, and below the least that did not."""
    low: torch.Tensor
    high_lead: torch.Tensor
    low_lead: torch.Tensor
    move_turn: torch.Tensor
    """(rows, history): inner products of ``moves`` and ``turns``, and below of ``moves`` with themselves."""
    move_move: torch.Tensor
    finished: torch.Tensor
    moves: list[torch.Tensor]
    """The last steps, and below the changes of the cross-entropy's gradient along them: (rows, m) each."""
    turns: list[torch.Tensor]

    def take(self, rows: torch.Tensor) -> "_Rows":
        """Return the rows (indices)."""
        columns: dict[str, Any] = {
            name: [take(item, rows) for item in value] if isinstance(value, list) else take(value, rows)
            for name, value in vars(self).items()
        }
        return _Rows(**columns)


def penalised(
    classifier: Classifier,
    rows: torch.Tensor,
    targets: torch.Tensor,
    best: Best,
    effort: Effort,
    *,
    images: torch.Tensor,
    values: int = 2,
    iterations: int = 20,
    tolerance: float = 0.1,
) -> None:
    """Search the nearest points read as ``targets`` and offer every one found on the way to ``best``.

    ``rows``: (n, m) in [0, 1]; ``targets``: (n,); ``images``: (n,) where a row stands in ``best`` and ``effort``.
    Once c is bracketed, ``values`` more are tried for each row. Each takes at most ``iterations``, or ends when the
    projected gradient is ``tolerance`` of the penalty's gradient.
    """
    state = _start(classifier, rows, targets, images, effort)
    for turn in range(_MOST_VALUES * (iterations + 1)):
        residual = 2 * state.c[:, None] * (state.point - state.origin)
        total = residual + state.slope
        free = unblocked(total, state.point)
        settled = (free.norm(dim=1) <= tolerance * residual.norm(dim=1)) | (state.inner >= iterations)
        if settled.any():
            state.finished |= _next_c(state, settled, values)
            going = (~state.finished).nonzero()[:, 0]
            if not len(going):
                return
            if len(going) < 0.8 * len(settled):
                state = state.take(going)
            total = 2 * state.c[:, None] * (state.point - state.origin) + state.slope
            free = unblocked(total, state.point)
        direction = unblocked_like(-_two_loop(state, free, turn), total, state.point)
        _advance(classifier, state, direction, total, best, effort, turn % _HISTORY)


def _start(
    classifier: Classifier, rows: torch.Tensor, targets: torch.Tensor, images: torch.Tensor, effort: Effort
) -> _Rows:
    """Evaluate the images and guess c: the gradient's square over four times the gap, right for a linear lead."""
    loss, slope, logits = _evaluate(classifier, rows, targets)
    effort.add(images, forwards=1, backwards=1)
    lead = worst_lead(logits, targets)
    tiny = torch.finfo(rows.dtype).tiny
    c = dot(slope, slope) / (4 * loss).clamp_min(tiny)
    zero = torch.zeros_like(loss)
    return _Rows(
        image=images,
        origin=rows,
        target=targets,
        point=rows.clone(),
        loss=loss,
        slope=slope,
        lead=lead,
        c=c.clamp(1e-8, 1e8),
        step=torch.ones_like(loss),
        inner=torch.zeros_like(targets),
        outer=torch.zeros_like(targets),
        between=torch.zeros_like(targets),
        high=torch.full_like(loss, -torch.inf),
        low=torch.full_like(loss, torch.inf),
        high_lead=zero.clone(),
        low_lead=zero.clone(),
        move_turn=rows.new_zeros(len(rows), _HISTORY),
        move_move=rows.new_zeros(len(rows), _HISTORY),
        finished=torch.zeros_like(loss, dtype=torch.bool),
        moves=[torch.zeros_like(rows) for _ in range(_HISTORY)],
        turns=[torch.zeros_like(rows) for _ in range(_HISTORY)],
    )


def _evaluate(
    classifier: Classifier, rows: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    leaf, logits = classifier.tracked(rows)
    loss = functional.cross_entropy(logits, targets, reduction="none")
    return loss.detach(), gradient(loss, leaf), logits.detach()


def _next_c(state: _Rows, settled: torch.Tensor, values: int) -> torch.Tensor:
    """Move the settled rows on to their next c, in place; return which rows have tried enough."""
    log_c = state.c.log()
    reached = settled & (state.lead > 0)
    missed = settled & ~reached
    state.high = torch.where(reached, log_c.maximum(state.high), state.high)
    state.high_lead = torch.where(reached, state.lead, state.high_lead)
    state.low = torch.where(missed, log_c.minimum(state.low), state.low)
    state.low_lead = torch.where(missed, state.lead, state.low_lead)
    step = torch.log(torch.tensor(_FACTOR, dtype=log_c.dtype, device=log_c.device))
    share = (state.high_lead / (state.high_lead - state.low_lead)).nan_to_num(0.5).clamp(0.1, 0.9)
    between = state.high + share * (state.low - state.high)
    following = torch.where(
        torch.isinf(state.low), state.high + step, torch.where(torch.isinf(state.high), state.low - step, between)
    )
    state.c = torch.where(settled, following.exp(), state.c)
    state.outer = state.outer + settled.long()
    state.between = state.between + (settled & torch.isfinite(state.high) & torch.isfinite(state.low)).long()
    state.inner = torch.where(settled, 0, state.inner)
    state.step = torch.where(settled, 1.0, state.step)
    bracketed = torch.isfinite(state.high) & (state.low - state.high < 0.05)
    return settled & (bracketed | (state.between > values) | (state.outer >= _MOST_VALUES))


def _two_loop(state: _Rows, free: torch.Tensor, turn: int) -> torch.Tensor:
    """Return the inverse Hessian's approximation times ``free`` (Nocedal and Wright, algorithm 7.4).

    The penalty's Hessian, 2c, is exact: it is added to the remembered curvature of the cross-entropy, and is the
    matrix that the recursion starts from (the cross-entropy adds a matrix of low rank to it).
    """
    twice = 2 * state.c
    curvature = state.move_turn + twice[:, None] * state.move_move
    usable = curvature > 1e-2 * twice[:, None] * state.move_move
    inverse = torch.where(usable & (state.move_move > 0), 1 / curvature, 0.0)
    result = free.clone()
    weights = []
    newest_first = [(turn - 1 - back) % _HISTORY for back in range(min(turn, _HISTORY))]
    order = [slot for slot in newest_first if bool(inverse[:, slot].any())]
    for slot in order:
        weight = inverse[:, slot] * dot(state.moves[slot], result)
        result = torch.addcmul(result, state.turns[slot], weight[:, None], value=-1)
        result = torch.addcmul(result, state.moves[slot], (weight * twice)[:, None], value=-1)
        weights.append(weight)
    result = result / twice[:, None]
    for slot, weight in zip(reversed(order), reversed(weights), strict=True):
        correction = dot(state.turns[slot], result) + twice * dot(state.moves[slot], result)
        result = torch.addcmul(result, state.moves[slot], (weight - inverse[:, slot] * correction)[:, None])
    return result


def _advance(
    classifier: Classifier,
    state: _Rows,
    direction: torch.Tensor,
    total: torch.Tensor,
    best: Best,
    effort: Effort,
    slot: int,
) -> None:
    """Try a step along the projected path; take it, in place, where the penalised loss falls enough (Armijo)."""
    trial = torch.addcmul(state.point, direction, state.step[:, None]).clamp_(0, 1)
    move = trial - state.point
    loss, slope, logits = _evaluate(classifier, trial, state.target)
    effort.add(state.image, iterations=1, forwards=1, backwards=1)
    size = (trial - state.origin).norm(dim=1)
    lead = worst_lead(logits, state.target)
    certain = (-torch.expm1(-loss)).clamp_min(1e-6)  # 1 - p(target): the loss's gradient over it is the lead's
    beyond = lead >= enough(margin(slope.norm(dim=1) / certain, logits))
    best.offer(state.image, trial, torch.where(beyond, size, torch.inf), state.target)

    expected = dot(total, move)
    bent = dot(move, move)
    change = loss - state.loss + state.c * (2 * dot(move, state.point - state.origin) + bent)
    rounding = 8 * torch.finfo(loss.dtype).eps * (loss.abs() + state.c * size.square())
    taken = (change <= _SUFFICIENT * expected + rounding) & torch.isfinite(loss)
    rows = taken.nonzero()[:, 0]
    turned = slope - state.slope
    state.moves[slot] = _replaced(state.moves[slot], move, rows)
    state.turns[slot] = _replaced(state.turns[slot], turned, rows)
    state.move_turn[:, slot] = torch.where(taken, dot(move, turned), state.move_turn[:, slot])
    state.move_move[:, slot] = torch.where(taken, bent, state.move_move[:, slot])
    state.point = _replaced(state.point, trial, rows)
    state.slope = _replaced(state.slope, slope, rows)
    state.loss = torch.where(taken, loss, state.loss)
    state.lead = torch.where(taken, lead, state.lead)
    shorter = (-expected / (2 * (change - expected))).nan_to_num(0.1).clamp(0.1, 0.5)
    state.step = torch.where(taken, 1.0, state.step * shorter)
    state.inner = state.inner + torch.where(state.step < 1e-5, 1 << 20, 1)


def _replaced(old: torch.Tensor, new: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return ``old`` (n, m) with ``rows`` (indices) taken from ``new``."""
    return new if len(rows) == len(old) else old.index_copy(0, rows, take(new, rows))
