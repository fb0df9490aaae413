"""The paper's method: box-constrained L-BFGS on a penalty, with a search over its weight c (section 4.1).

For each c, ``c |r|^2 + cross-entropy(x + r)`` is minimised over ``x + r`` in [0, 1]^m. The paper prints ``c |r|`` and
"minimum c"; with c on the size of r, the least distortion belongs to the *largest* c whose minimiser is still read as
wanted, and that is what is searched. The squared form ends at the same distortion and is smooth at r = 0 (slip
"largest c"). The cross-entropy is that of all wanted classes together: one target, or any class but the label. Every
row has its own history, c and step and advances independently of the others.

In the letters of Nocedal and Wright (chapter 7) and Byrd, Lu, Nocedal and Zhu (1995, "A limited memory algorithm for
bound constrained optimization"), with x the image, y the point, l the cross-entropy and F the penalised loss:

- ``slope`` is ``grad l(y)`` and ``total`` is ``grad F(y)``, for the squared penalty ``2 c (y - x) + grad l(y)``;
- ``moves`` are the s_i, ``s = y_next - y``, and ``turns`` what grad l changed by along them: the literature's y_i, the
  change of grad F, is ``turn + 2 c s``. The penalty's part is exact, so the history outlives a change of c: where c
  becomes ``c + dc``, Y becomes ``Y + 2 dc S``, which costs nothing as the sum is only made where it is used;
- ``move_turn`` and ``move_move`` are ``s . turn`` and ``s . s``: ``s . y = move_turn + 2 c move_move``,
  and rho is its inverse;
- the matrix that the two-loop recursion (algorithm 7.4) starts from, gamma I there, is the penalty's exact inverse
  Hessian, I / (2 c).

Constraints are met by projection (Bertsekas 1982): values that a step of steepest descent would move out of the box are
*blocked*, the recursion sees the gradient of the others, and ``y_next = clip(y + t d)`` with the step t shortened until
Armijo's condition holds along the projected arc. Where c is known to be too small and another too large, the next is
found by the secant of the lead over log c.

The rows' work between two passes of the model is done by torch operations (:mod:`.torch_lbfgs`)
or by compiled kernels (:mod:`blindspots.distortion.lbfgs.fused_lbfgs`).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch

from blindspots.distortion.best import Best
from blindspots.distortion.criteria import Criterion
from blindspots.distortion.problem import Problem
from blindspots.distortion.projection.boundary import enough, relative_margin
from blindspots.distortion.rows import take
from blindspots.models.classifier import Classifier

HISTORY = 4
"""Pairs (s, y) that are remembered: m in the literature."""
NARROW, COARSE = 0.7, 0.3
"""While the logarithms of the brackets of c are farther apart than this, a coarser tolerance is enough."""
CLOSE = 0.003
"""c is known well enough when the brackets' logarithms are so near."""
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
    beyond: torch.Tensor
    """Whether the point leads by enough to count."""
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
    """Logarithm of the largest c that reached a wanted class by enough to count, and below the least that did not."""
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

    def propose(self, state: Rows, *, turn: int, search: Search) -> None:
        """Move settled rows on to their next c and set ``finished``; set every row's trial point."""

    def accept(self, state: Rows, at: Evaluation, *, best: Best, turn: int, search: Search) -> None:
        """Offer the trial points to ``best`` and take the steps where the penalised loss falls enough (Armijo)."""


def penalised(
    problem: Problem, wanted: Criterion, *, minimiser: Minimiser, search: Search, c: torch.Tensor | None = None
) -> torch.Tensor:
    """Search the nearest points read as wanted, and offer every one found on the way to the problem's best.

    ``wanted``: of the problem's n rows; ``c``: (n,) to begin with, by default what would be right for a linear lead.
    Returns the minimisers of the last c that each row tried (n, m).
    """
    state = _start(problem, wanted, minimiser=minimiser, search=search, c=c)
    last = problem.rows.clone()
    for turn in range((search.most + search.values) * (search.iterations + 1)):
        minimiser.propose(state, turn=turn, search=search)
        finished = state.finished.nonzero()[:, 0]
        # rows that are done stay until they are many: to copy the others together costs more than to carry a few along
        if len(finished) > 0.2 * len(state.finished) or len(finished) == len(state.finished):
            last.index_copy_(0, place(problem.images, take(state.image, finished)), take(state.point, finished))
            if len(finished) == len(state.finished):
                return last
            state = state.take((~state.finished).nonzero()[:, 0])
        at = _evaluate(problem.classifier, state.trial, wanted=state.wanted, minimiser=minimiser)
        problem.spent.add(state.image, iterations=1, forwards=1, backwards=1)
        minimiser.accept(state, at, best=problem.best, turn=turn, search=search)
    last.index_copy_(0, place(problem.images, state.image), state.point)
    return last


def place(images: torch.Tensor, some: torch.Tensor) -> torch.Tensor:
    """Return where ``some`` stand in ``images``, which rises."""
    return torch.searchsorted(images, some)


def _start(
    problem: Problem, wanted: Criterion, *, minimiser: Minimiser, search: Search, c: torch.Tensor | None
) -> Rows:
    """Evaluate the images and guess c, as is right for a linear lead.

    With the loss l and its gradient g at the image, the linear model ``l + g . r`` is 0 first at ``r = -l g / |g|^2``.
    ``c |r|^2 + l + g . r`` has its minimum at ``r = -g / (2 c)``: there for ``c = |g|^2 / (2 l)``, of which half is
    taken, so that the boundary is passed rather than missed. Under ``c |r|`` the minimum leaves r = 0 at all where c is
    below ``|g|``, of which half is taken too.
    """
    images, rows = problem.images, problem.rows
    mask = wanted.wanted(problem.classifier.classes)
    at = _evaluate(problem.classifier, rows, wanted=mask, minimiser=minimiser)
    problem.spent.add(images, forwards=1, backwards=1)
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
        beyond=at.beyond,
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


def _evaluate(
    classifier: Classifier, points: torch.Tensor, *, wanted: torch.Tensor, minimiser: Minimiser
) -> Evaluation:
    """Evaluate the cross-entropy of the wanted classes together, its gradient and the lead."""
    logits, tape = classifier.evaluate(points)
    read = minimiser.read(logits, wanted)
    slope = classifier.pullback(tape, read.weights).contiguous()
    # the loss's gradient over what the wanted classes lack is, nearly, the lead's
    aim = relative_margin(torch.linalg.vector_norm(slope, dim=1) / read.lacking.clamp_min(1e-6)) + read.floor
    return Evaluation(read.loss, slope, read.lead, read.lead >= enough(aim), read.reached)
