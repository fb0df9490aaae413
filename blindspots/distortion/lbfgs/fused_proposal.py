"""The fused path of L-BFGS: the next c, the two-loop recursion and the next trial point, row by row.

The letters are those of :mod:`.lbfgs`: x the image, y the point, ``g`` the cross-entropy's gradient, ``t`` a value of
the penalised loss's gradient; s_i and ``turn_i + 2 c s_i`` the remembered pairs.
"""

import numpy as np

from blindspots.compiled import compiled, inlined
from blindspots.distortion.lbfgs.lbfgs import CLOSE, COARSE, FACTOR, HISTORY, NARROW

_LOG_FACTOR = float(np.log(FACTOR))


@inlined
def _penalty_slope(state, i, search, residual):  # type: ignore[no-untyped-def]
    """Write the penalty's gradient to ``residual`` (m,) and return its length."""
    of = state.point.dtype.type
    x, y, g = state.origin[i], state.point[i], state.slope[i]
    zero, one, c = of(0), of(1), state.c[i]
    square = zero
    if search.squared:  # grad c |r|^2 = 2 c r
        for j in range(x.size):
            residual[j] = 2 * c * (y[j] - x[j])
            square += residual[j] * residual[j]
        return np.sqrt(square)
    for j in range(x.size):
        square += (y[j] - x[j]) * (y[j] - x[j])
    size = np.sqrt(square)
    if size > zero:  # grad c |r| = c r / |r|
        for j in range(x.size):
            residual[j] = (y[j] - x[j]) * (c / size)
        return c
    # at r = 0 any vector of length c at most is a subgradient: that which leaves least of the free slope is minus it,
    # cut to the length c
    for j in range(x.size):
        blocked = (y[j] <= zero and g[j] > zero) or (y[j] >= one and g[j] < zero)
        residual[j] = zero if blocked else -g[j]
        square += residual[j] * residual[j]
    length = np.sqrt(square)
    share = min(c, length) / length if length > zero else zero
    for j in range(x.size):
        residual[j] *= share
    return min(c, length)


@inlined
def _free_slope(state, i, residual, free):  # type: ignore[no-untyped-def]
    """Write the penalised loss's gradient to ``total``, and to ``free`` without what is blocked; return its length."""
    of = state.point.dtype.type
    zero, one = of(0), of(1)
    y, g, total = state.point[i], state.slope[i], state.total[i]
    square = zero
    for j in range(y.size):
        t = residual[j] + g[j]
        total[j] = t
        blocked = (y[j] <= zero and t > zero) or (y[j] >= one and t < zero)
        free[j] = zero if blocked else t
        square += free[j] * free[j]
    return np.sqrt(square)


@inlined
def _next_c(state, i, search):  # type: ignore[no-untyped-def]
    """Move row i on to its next c, or finish it."""
    of = state.point.dtype.type
    log_c = np.log(state.c[i])
    if state.beyond[i]:  # a lead that does not count is none: nothing would be found between the brackets
        state.high[i], state.high_lead[i] = max(log_c, state.high[i]), state.lead[i]
    else:
        state.low[i], state.low_lead[i] = min(log_c, state.low[i]), state.lead[i]
    # log c by steps until it is bracketed, then by the secant of the lead, which falls through 0 between the brackets
    high, low = state.high[i], state.low[i]
    if low == np.inf:
        following = high + of(_LOG_FACTOR)
    elif high == -np.inf:
        following = low - of(_LOG_FACTOR)
    else:
        share = state.high_lead[i] / (state.high_lead[i] - state.low_lead[i])
        share = min(max(share, of(0.1)), of(0.9)) if np.isfinite(share) else of(0.5)
        following = high + share * (low - high)
        state.between[i] += 1
    state.outer[i] += 1
    bracketed = high > -np.inf and low - high < of(CLOSE)
    enough = state.between[i] > search.values or state.outer[i] >= search.most + search.values
    if bracketed or enough or search.values == 0:
        state.finished[i] = True
    else:
        state.c[i], state.inner[i], state.step[i] = np.exp(following), 0, of(1)


@compiled
def propose(state, turn, search):  # type: ignore[no-untyped-def]
    """Do what :meth:`blindspots.distortion.lbfgs.torch_lbfgs.TorchMinimiser.propose` does."""
    of = state.point.dtype.type
    zero, one = of(0), of(1)
    count, size = state.point.shape
    residual, free = np.empty(size, state.point.dtype), np.empty(size, state.point.dtype)
    weights, inverse = np.empty(HISTORY, state.point.dtype), np.empty(HISTORY, state.point.dtype)
    for i in range(count):
        length = _penalty_slope(state, i, search, residual)
        left = _free_slope(state, i, residual, free)
        near = search.values == 0 or state.low[i] - state.high[i] <= of(NARROW)
        tolerance = search.tolerance if near else max(search.tolerance, COARSE)
        if left <= of(tolerance) * length or state.inner[i] >= search.iterations:
            _next_c(state, i, search)
            _penalty_slope(state, i, search, residual)
            _free_slope(state, i, residual, free)
        # the penalty's Hessian: 2 c; under c |r|, which is c / |r| across r and 0 along it, c / |r|
        y = state.point[i]
        twice = 2 * state.c[i]
        if not search.squared:
            square = zero
            for j in range(size):
                square += (y[j] - state.origin[i, j]) * (y[j] - state.origin[i, j])
            twice = state.c[i] / max(np.sqrt(square), state.short[i])
        # rho_i = 1 / s_i . y_i for the present c; 0 for a pair along which the loss is hardly convex, which is left out
        for slot in range(HISTORY):
            own = twice * state.move_move[i, slot]
            curvature = state.move_turn[i, slot] + own
            usable = curvature > of(1e-2) * own and state.move_move[i, slot] > zero
            inverse[slot] = one / curvature if usable else zero
        # the two-loop recursion (Nocedal and Wright, algorithm 7.4), in place in ``free``, which begins as q = grad F.
        # first loop, newest first: alpha_i = rho_i s_i . q;  q = q - alpha_i (turn_i + 2 c s_i)
        reach = min(turn, HISTORY)
        for back in range(reach):
            slot = (turn - 1 - back) % HISTORY
            if inverse[slot] == zero:
                continue
            move, turned, product = state.moves[slot][i], state.turns[slot][i], zero
            for j in range(size):
                product += move[j] * free[j]
            weight = inverse[slot] * product
            along = weight * twice
            for j in range(size):
                free[j] -= weight * turned[j] + along * move[j]
            weights[slot] = weight
        # r = H_0 q with H_0 = I / (2 c)
        scale = one / twice
        for j in range(size):
            free[j] *= scale
        # second loop, oldest first: beta = rho_i (turn_i + 2 c s_i) . r;  r = r + (alpha_i - beta) s_i
        for back in range(reach - 1, -1, -1):
            slot = (turn - 1 - back) % HISTORY
            if inverse[slot] == zero:
                continue
            move, turned, first, second = state.moves[slot][i], state.turns[slot][i], zero, zero
            for j in range(size):
                first += turned[j] * free[j]
                second += move[j] * free[j]
            along = weights[slot] - inverse[slot] * (first + twice * second)
            for j in range(size):
                free[j] += along * move[j]
        # d = -r where a value is free; the trial point is the projection of y + step d on the box
        for j in range(size):
            t = state.total[i, j]
            blocked = (y[j] <= zero and t > zero) or (y[j] >= one and t < zero)
            d = zero if blocked else -free[j]
            state.direction[i, j] = d
            state.trial[i, j] = min(max(y[j] + state.step[i] * d, zero), one)
