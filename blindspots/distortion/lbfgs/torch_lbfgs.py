"""L-BFGS's work between two passes of the model by torch operations, on any device."""

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.lbfgs.lbfgs import (
    CLOSE,
    COARSE,
    FACTOR,
    GIVEN_UP,
    HISTORY,
    NARROW,
    SHORTEST,
    SUFFICIENT,
    Evaluation,
    Reading,
    Rows,
    Search,
)
from blindspots.distortion.projection.boundary import rounding_margin
from blindspots.distortion.rows import dot, take, unblocked, unblocked_like


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

    def propose(self, state: Rows, *, turn: int, search: Search) -> None:
        """Move settled rows on to their next c and set ``finished``; set every row's trial point."""
        residual = _residual(state, search)
        state.total = residual + state.slope
        free = unblocked(state.total, state.point)
        # at the minimum the free gradient is 0; how near it is, is measured by what the penalty's part of it is
        near = (state.low - state.high <= NARROW) | (search.values == 0)
        tolerance = torch.where(near, search.tolerance, max(search.tolerance, COARSE)).to(state.c.dtype)
        settled = free.norm(dim=1) <= tolerance * residual.norm(dim=1)
        settled |= state.inner >= search.iterations
        if settled.any():
            state.finished |= _next_c(state, settled, search=search)
            state.total = _residual(state, search) + state.slope
            free = unblocked(state.total, state.point)
        # d = -H grad F over the free values alone: what the recursion turned out of the box is blocked again
        state.direction = unblocked_like(-_two_loop(state, free, turn=turn, search=search), state.total, state.point)
        state.trial = torch.addcmul(state.point, state.direction, state.step[:, None]).clamp_(0, 1)

    def accept(self, state: Rows, at: Evaluation, *, best: Best, turn: int, search: Search) -> None:
        """Offer the trial points to ``best`` and take the steps where the penalised loss falls enough (Armijo)."""
        size = torch.linalg.vector_norm(state.trial - state.origin, dim=1)
        counts = at.beyond & ~state.finished  # a row stays a while after its end, and must not gain by that
        best.offer(state.image, state.trial, size=torch.where(counts, size, torch.inf), target=at.reached)
        # s, and what F changes by: the penalty's change is c (|o + s|^2 - |o|^2) = c (2 s . o + s . s) for the offset
        # o = y - x, exact where the difference of two large numbers would not be
        move, offset = state.trial - state.point, state.point - state.origin
        expected, bent = dot(state.total, move), dot(move, move)
        if search.squared:
            penalty = state.c * (2 * dot(move, offset) + bent)
            height = state.c * size.square()
        else:
            before = torch.linalg.vector_norm(offset, dim=1)
            tiny = torch.finfo(size.dtype).tiny
            # |a| - |b| = (|a|^2 - |b|^2) / (|a| + |b|)
            penalty = state.c * (2 * dot(move, offset) + bent) / (size + before).clamp_min(tiny)
            height = state.c * size
        # Armijo along the projected arc: F(y + s) - F(y) <= 1e-4 grad F(y) . s, but for the rounding of both values
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
        state.beyond = torch.where(taken, at.beyond, state.beyond)
        # the parabola through F(y), its slope and F(y + s) is lowest at this share of the step
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


def _next_c(state: Rows, settled: torch.Tensor, *, search: Search) -> torch.Tensor:
    """Move the settled rows on to their next c, in place; return which rows have tried enough."""
    log_c = state.c.log()
    reached = settled & state.beyond  # a lead that does not count is none: nothing would be found between the brackets
    missed = settled & ~reached
    state.high = torch.where(reached, log_c.maximum(state.high), state.high)
    state.high_lead = torch.where(reached, state.lead, state.high_lead)
    state.low = torch.where(missed, log_c.minimum(state.low), state.low)
    state.low_lead = torch.where(missed, state.lead, state.low_lead)
    # log c by the secant of the lead, which falls through 0 between the brackets; by steps until there are two
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


def _two_loop(state: Rows, free: torch.Tensor, *, turn: int, search: Search) -> torch.Tensor:
    """Return the inverse Hessian's approximation times ``free`` (Nocedal and Wright, algorithm 7.4).

    The penalty's Hessian, 2c, is exact: it is added to the remembered curvature of the cross-entropy, and is the
    matrix that the recursion starts from (the cross-entropy adds a matrix of low rank to it). Of ``c |r|``, whose
    curvature is c / |r| across r and 0 along it, c / |r| is taken.
    """
    twice = 2 * state.c
    if not search.squared:
        twice = state.c / torch.linalg.vector_norm(state.point - state.origin, dim=1).maximum(state.short)
    # s . y for the present c; a pair along which F is hardly convex is left out
    curvature = state.move_turn + twice[:, None] * state.move_move
    usable = curvature > 1e-2 * twice[:, None] * state.move_move
    inverse = torch.where(usable & (state.move_move > 0), 1 / curvature, 0.0)
    result = free.clone()
    weights = []
    newest_first = [(turn - 1 - back) % HISTORY for back in range(min(turn, HISTORY))]
    order = [slot for slot in newest_first if bool(inverse[:, slot].any())]
    for slot in order:  # alpha_i = rho_i s_i . q;  q = q - alpha_i y_i, with y_i = turn_i + 2 c s_i
        weight = inverse[:, slot] * dot(state.moves[slot], result)
        result = torch.addcmul(result, state.turns[slot], weight[:, None], value=-1)
        result = torch.addcmul(result, state.moves[slot], (weight * twice)[:, None], value=-1)
        weights.append(weight)
    result = result / twice[:, None]  # r = H_0 q
    # beta = rho_i y_i . r;  r = r + s_i (alpha_i - beta)
    for slot, weight in zip(reversed(order), reversed(weights), strict=True):
        correction = dot(state.turns[slot], result) + twice * dot(state.moves[slot], result)
        result = torch.addcmul(result, state.moves[slot], (weight - inverse[:, slot] * correction)[:, None])
    return result


def _replaced(old: torch.Tensor, new: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return ``old`` (n, m) with ``rows`` (indices) taken from ``new``."""
    return new if len(rows) == len(old) else old.index_copy(0, rows, take(new, rows))
