"""The paper's method: box-constrained L-BFGS on a penalty, with a search over its weight c (section 4.1).

For each c, ``c |r|^2 + cross-entropy(x + r)`` is minimised over ``x + r`` in [0, 1]^m. The paper prints ``c |r|`` and
"minimum c"; with c on the size of r, the least distortion belongs to the *largest* c whose minimiser is still read as
wanted, and that is what is searched. The squared form ends at the same distortion and is smooth at r = 0 (slip 4). The
cross-entropy is that of all wanted classes together: one target, or any class but the label. Every row has its own
history, c and step and advances independently of the others.

The rows' work between two passes of the model is done by torch operations (:class:`TorchMinimiser`) or by compiled
kernels (:mod:`blindspots.distortion.fused_lbfgs`).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.boundary import enough, relative_margin, rounding_margin
from blindspots.distortion.classifier import Classifier
from blindspots.distortion.criteria import Criterion
from blindspots.distortion.effort import Effort
from blindspots.distortion.rows import dot, take, unblocked, unblocked_like

HISTORY = 4
NARROW, COARSE = 0.7, 0.3
"""While the logarithms of the brackets of c are farther apart than this, a coarser tolerance is enough."""
SUFFICIENT = 1e-4
"""Armijo's constant."""
FACTOR = 4.0
"""c is multiplied or divided by this until it is bracketed."""
MOST_VALUES = 14
"""Values of c tried beside those between the brackets."""
SHORTEST = 1e-5
"""A step shorter than this share is given up."""
GIVEN_UP = 1 << 20


@dataclass
class Rows:
    """The rows still searched; one entry each."""

    image: torch.Tensor
    origin: torch.Tensor
    wanted: torch.Tensor
    """(n, k) bool: the classes that are a success."""
    point: torch.Tensor
    trial: torch.Tensor
    direction: torch.Tensor
    total: torch.Tensor
    """(n, m) gradient of the penalised loss at the point."""
    loss: torch.Tensor
    slope: torch.Tensor
    """Gradient of the cross-entropy alone: the penalty's part is exact for any c."""
    lead: torch.Tensor
    c: torch.Tensor
    short: torch.Tensor
    """(n,) under ``c |r|``, a |r| below which its curvature c / |r| is taken as there."""
    step: torch.Tensor
    inner: torch.Tensor
    """Iterations since c was last changed."""
    outer: torch.Tensor
    """Values of c tried."""
    between: torch.Tensor
    """Of those, the values tried since c was bracketed, that which closed the bracket included."""
    high: torch.Tensor
    """Logarithm of the largest c that reached a wanted class, and below the least that did not."""
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
    arrays: Any = None
    """The same memory as the kernels see it, once they have asked for it."""

    def take(self, rows: torch.Tensor) -> "Rows":
        """Return the rows (indices)."""
        columns: dict[str, Any] = {
            name: [take(item, rows) for item in value] if isinstance(value, list) else take(value, rows)
            for name, value in vars(self).items()
            if name != "arrays"
        }
        return Rows(**columns)


class Search(NamedTuple):
    """How c is searched and when a minimisation ends."""

    squared: bool
    values: int
    """Values of c between the brackets; 0: the c given alone."""
    most: int
    """Values of c in all."""
    iterations: int
    tolerance: float


class Evaluation(NamedTuple):
    """The model at the rows' trial points."""

    loss: torch.Tensor
    slope: torch.Tensor
    lead: torch.Tensor
    """(n,) of the best wanted class over the best other."""
    beyond: torch.Tensor
    """(n,) bool: by enough to count."""
    reached: torch.Tensor
    """(n,) the best wanted class."""


class Reading(NamedTuple):
    """What logits (n, k) say of the wanted classes: all (n,), but for the weights."""

    loss: torch.Tensor
    """Cross-entropy of the wanted classes together."""
    weights: torch.Tensor
    """(n, k) its derivative with respect to the logits."""
    lead: torch.Tensor
    """Of the best wanted class over the best other."""
    reached: torch.Tensor
    """The best wanted class."""
    lacking: torch.Tensor
    """Probability of all other classes."""
    floor: torch.Tensor
    """What rounding may change in a lead."""


class Minimiser(Protocol):
    """The rows' work between two passes of the model."""

    def read(self, logits: torch.Tensor, wanted: torch.Tensor) -> Reading:
        """Return what ``logits`` (n, k) say of the classes ``wanted`` (n, k)."""

    def propose(self, state: Rows, turn: int, search: Search) -> None:
        """Move settled rows on to their next c and set ``finished``; set every row's trial point."""

    def accept(self, state: Rows, at: Evaluation, best: Best, turn: int, search: Search) -> None:
        """Offer the trial points to ``best`` and take the steps where the penalised loss falls enough (Armijo)."""


def penalised(
    classifier: Classifier,
    rows: torch.Tensor,
    wanted: Criterion,
    best: Best,
    effort: Effort,
    minimiser: Minimiser,
    *,
    images: torch.Tensor,
    search: Search,
    c: torch.Tensor | None = None,
) -> torch.Tensor:
    """Search the nearest points read as wanted and offer every one found on the way to ``best``.

    ``rows``: (n, m) in [0, 1]; ``wanted``: of the same n; ``images``: (n,) where a row stands in ``best`` and
    ``effort``; ``c``: (n,) to begin with, by default what would be right for a linear lead. Returns the minimisers of
    the last c that each row tried (n, m).
    """
    state = _start(classifier, rows, wanted, images, effort, search, c, minimiser)
    last = rows.clone()
    for turn in range((search.most + search.values) * (search.iterations + 1)):
        minimiser.propose(state, turn, search)
        finished = state.finished.nonzero()[:, 0]
        if len(finished) > 0.2 * len(state.finished) or len(finished) == len(state.finished):
            last.index_copy_(0, place(images, take(state.image, finished)), take(state.point, finished))
            if len(finished) == len(state.finished):
                return last
            state = state.take((~state.finished).nonzero()[:, 0])
        at = _evaluate(classifier, state.trial, state.wanted, minimiser)
        effort.add(state.image, iterations=1, forwards=1, backwards=1)
        minimiser.accept(state, at, best, turn, search)
    last.index_copy_(0, place(images, state.image), state.point)
    return last


def place(images: torch.Tensor, some: torch.Tensor) -> torch.Tensor:
    """Return where ``some`` stand in ``images``, which rises."""
    return torch.searchsorted(images, some)


def _start(
    classifier: Classifier,
    rows: torch.Tensor,
    wanted: Criterion,
    images: torch.Tensor,
    effort: Effort,
    search: Search,
    c: torch.Tensor | None,
    minimiser: Minimiser,
) -> Rows:
    """Evaluate the images and guess c, as is right for a linear lead.

    |r|^2: the gradient's square over four times the gap; |r|: half the gradient's length.
    """
    mask = wanted.wanted(classifier.classes)
    at = _evaluate(classifier, rows, mask, minimiser)
    effort.add(images, forwards=1, backwards=1)
    length = torch.linalg.vector_norm(at.slope, dim=1)
    tiny = torch.finfo(rows.dtype).tiny
    if c is None:
        c = length.square() / (4 * at.loss).clamp_min(tiny) if search.squared else length / 2
    zero = torch.zeros_like(length)
    count = torch.zeros_like(images)
    return Rows(
        image=images,
        origin=rows,
        wanted=mask,
        point=rows.clone(),
        trial=rows.clone(),
        direction=torch.zeros_like(rows),
        total=torch.zeros_like(rows),
        loss=at.loss,
        slope=at.slope,
        lead=at.lead,
        c=c.clamp(1e-8, 1e8),
        short=(at.loss / length.clamp_min(tiny)).clamp(1e-6, 1e3) / 4,
        step=torch.ones_like(length),
        inner=count.clone(),
        outer=count.clone(),
        between=count.clone(),
        high=torch.full_like(length, -torch.inf),
        low=torch.full_like(length, torch.inf),
        high_lead=zero.clone(),
        low_lead=zero.clone(),
        move_turn=rows.new_zeros(len(rows), HISTORY),
        move_move=rows.new_zeros(len(rows), HISTORY),
        finished=torch.zeros_like(length, dtype=torch.bool),
        moves=[torch.zeros_like(rows) for _ in range(HISTORY)],
        turns=[torch.zeros_like(rows) for _ in range(HISTORY)],
    )


def _evaluate(classifier: Classifier, points: torch.Tensor, wanted: torch.Tensor, minimiser: Minimiser) -> Evaluation:
    """Evaluate the cross-entropy of the wanted classes together, its gradient and the lead."""
    logits, tape = classifier.evaluate(points)
    read = minimiser.read(logits, wanted)
    slope = classifier.pullback(tape, read.weights).contiguous()
    # the loss's gradient over what the wanted classes lack is, nearly, the lead's
    aim = relative_margin(torch.linalg.vector_norm(slope, dim=1) / read.lacking.clamp_min(1e-6)) + read.floor
    return Evaluation(read.loss, slope, read.lead, read.lead >= enough(aim), read.reached)


class TorchMinimiser:
    """The rows' work by torch operations, on any device."""

    def read(self, logits: torch.Tensor, wanted: torch.Tensor) -> Reading:
        """Return what ``logits`` (n, k) say of the classes ``wanted`` (n, k)."""
        inside, outside = logits.masked_fill(~wanted, -torch.inf), logits.masked_fill(wanted, -torch.inf)
        best, reached = inside.max(dim=1)
        lead = best - outside.amax(dim=1)
        # log(1 + sum of the others / sum of the wanted), from the difference: exact where the wanted are certain
        ahead = torch.logsumexp(outside, dim=1) - torch.logsumexp(inside, dim=1)
        loss = torch.nn.functional.softplus(ahead, threshold=80)
        lacking = torch.sigmoid(ahead)
        weights = lacking[:, None] * (torch.softmax(outside, dim=1) - torch.softmax(inside, dim=1))
        return Reading(loss, weights, lead, reached, lacking, rounding_margin(logits))

    def propose(self, state: Rows, turn: int, search: Search) -> None:
        """Move settled rows on to their next c and set ``finished``; set every row's trial point."""
        residual = _residual(state, search)
        state.total = residual + state.slope
        free = unblocked(state.total, state.point)
        near = (state.low - state.high <= NARROW) | (search.values == 0)
        tolerance = torch.where(near, search.tolerance, max(search.tolerance, COARSE)).to(state.c.dtype)
        settled = free.norm(dim=1) <= tolerance * residual.norm(dim=1)
        settled |= state.inner >= search.iterations
        if settled.any():
            state.finished |= _next_c(state, settled, search)
            state.total = _residual(state, search) + state.slope
            free = unblocked(state.total, state.point)
        state.direction = unblocked_like(-_two_loop(state, free, turn, search), state.total, state.point)
        state.trial = torch.addcmul(state.point, state.direction, state.step[:, None]).clamp_(0, 1)

    def accept(self, state: Rows, at: Evaluation, best: Best, turn: int, search: Search) -> None:
        """Offer the trial points to ``best`` and take the steps where the penalised loss falls enough (Armijo)."""
        size = torch.linalg.vector_norm(state.trial - state.origin, dim=1)
        counts = at.beyond & ~state.finished  # a row stays a while after its end, and must not gain by that
        best.offer(state.image, state.trial, torch.where(counts, size, torch.inf), at.reached)
        move, offset = state.trial - state.point, state.point - state.origin
        expected, bent = dot(state.total, move), dot(move, move)
        if search.squared:
            penalty = state.c * (2 * dot(move, offset) + bent)
            height = state.c * size.square()
        else:
            before = torch.linalg.vector_norm(offset, dim=1)
            tiny = torch.finfo(size.dtype).tiny
            penalty = state.c * (2 * dot(move, offset) + bent) / (size + before).clamp_min(tiny)
            height = state.c * size
        change = at.loss - state.loss + penalty
        rounding = 8 * torch.finfo(size.dtype).eps * (at.loss.abs() + height)
        taken = (change <= SUFFICIENT * expected + rounding) & torch.isfinite(at.loss)
        rows = taken.nonzero()[:, 0]
        turned = at.slope - state.slope
        slot = turn % HISTORY
        state.moves[slot] = _replaced(state.moves[slot], move, rows)
        state.turns[slot] = _replaced(state.turns[slot], turned, rows)
        state.move_turn[:, slot] = torch.where(taken, dot(move, turned), state.move_turn[:, slot])
        state.move_move[:, slot] = torch.where(taken, bent, state.move_move[:, slot])
        state.point = _replaced(state.point, state.trial, rows)
        state.slope = _replaced(state.slope, at.slope, rows)
        state.loss = torch.where(taken, at.loss, state.loss)
        state.lead = torch.where(taken, at.lead, state.lead)
        shorter = (-expected / (2 * (change - expected))).nan_to_num(0.1).clamp(0.1, 0.5)
        state.step = torch.where(taken, 1.0, state.step * shorter)
        state.inner = state.inner + torch.where(state.step < SHORTEST, GIVEN_UP, 1)


def _residual(state: Rows, search: Search) -> torch.Tensor:
    """Return the penalty's gradient (n, m); under ``c |r|`` at r = 0 the subgradient that leaves the least slope."""
    offset = state.point - state.origin
    if search.squared:
        return 2 * state.c[:, None] * offset
    size = torch.linalg.vector_norm(offset, dim=1)
    slope = unblocked(state.slope, state.point)
    length = torch.linalg.vector_norm(slope, dim=1)
    tiny = torch.finfo(size.dtype).tiny
    at_zero = -slope * (state.c.minimum(length) / length.clamp_min(tiny))[:, None]
    return torch.where((size > 0)[:, None], offset * (state.c / size.clamp_min(tiny))[:, None], at_zero)


def _next_c(state: Rows, settled: torch.Tensor, search: Search) -> torch.Tensor:
    """Move the settled rows on to their next c, in place; return which rows have tried enough."""
    log_c = state.c.log()
    reached = settled & (state.lead > 0)
    missed = settled & ~reached
    state.high = torch.where(reached, log_c.maximum(state.high), state.high)
    state.high_lead = torch.where(reached, state.lead, state.high_lead)
    state.low = torch.where(missed, log_c.minimum(state.low), state.low)
    state.low_lead = torch.where(missed, state.lead, state.low_lead)
    step = torch.log(torch.tensor(FACTOR, dtype=log_c.dtype, device=log_c.device))
    share = (state.high_lead / (state.high_lead - state.low_lead)).nan_to_num(0.5).clamp(0.1, 0.9)
    between = state.high + share * (state.low - state.high)
    following = torch.where(
        torch.isinf(state.low), state.high + step, torch.where(torch.isinf(state.high), state.low - step, between)
    )
    state.outer = state.outer + settled.long()
    state.between = state.between + (settled & torch.isfinite(state.high) & torch.isfinite(state.low)).long()
    bracketed = torch.isfinite(state.high) & (state.low - state.high < CLOSE)
    enough_tried = (state.between > search.values) | (state.outer >= search.most + search.values)
    done = settled & (bracketed | enough_tried | (search.values == 0))
    moved = settled & ~done
    state.c = torch.where(moved, following.exp(), state.c)
    state.inner = torch.where(moved, 0, state.inner)
    state.step = torch.where(moved, 1.0, state.step)
    return done


CLOSE = 0.003
"""c is known well enough when the brackets' logarithms are so near."""


def _two_loop(state: Rows, free: torch.Tensor, turn: int, search: Search) -> torch.Tensor:
    """Return the inverse Hessian's approximation times ``free`` (Nocedal and Wright, algorithm 7.4).

    The penalty's Hessian, 2c, is exact: it is added to the remembered curvature of the cross-entropy, and is the
    matrix that the recursion starts from (the cross-entropy adds a matrix of low rank to it). Of ``c |r|``, whose
    curvature is c / |r| across r and 0 along it, c / |r| is taken.
    """
    twice = 2 * state.c
    if not search.squared:
        twice = state.c / torch.linalg.vector_norm(state.point - state.origin, dim=1).maximum(state.short)
    curvature = state.move_turn + twice[:, None] * state.move_move
    usable = curvature > 1e-2 * twice[:, None] * state.move_move
    inverse = torch.where(usable & (state.move_move > 0), 1 / curvature, 0.0)
    result = free.clone()
    weights = []
    newest_first = [(turn - 1 - back) % HISTORY for back in range(min(turn, HISTORY))]
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


def _replaced(old: torch.Tensor, new: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return ``old`` (n, m) with ``rows`` (indices) taken from ``new``."""
    return new if len(rows) == len(old) else old.index_copy(0, rows, take(new, rows))
