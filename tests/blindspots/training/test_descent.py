"""When a minimisation ends, and what its curve says."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from blindspots.training.checkpoint import Row
from blindspots.training.descent import EVALUATIONS, LOSS, NORM, Criterion, Segment, descend
from blindspots.training.objective import Value

CRITERION = Criterion(tolerance=1e-6, decrease=1e-3, iterations=40, segment=7)
START = torch.full((6,), -1.2, dtype=torch.float64)


def rosenbrock(point: torch.Tensor) -> Value:
    leaf = point.clone().requires_grad_()
    loss = 1 + (100 * (leaf[1:] - leaf[:-1] ** 2) ** 2 + (1 - leaf[:-1]) ** 2).sum()  # the least is not 0
    (slope,) = torch.autograd.grad(loss, leaf)
    return Value(float(loss.detach()), slope, errors=3)


def run(
    criterion: Criterion, rows: list[Row] | None = None, function: Callable[[torch.Tensor], Value] = rosenbrock
) -> tuple[list[Segment], list[Row], list[Row]]:
    rows, told = [] if rows is None else rows, []
    start = START
    return list(descend(function, start, criterion, rows, images=12, phase=2, on_row=told.append)), rows, told


def test_segments_end_with_the_last_iteration_that_is_asked_for() -> None:
    segments, rows, told = run(CRITERION)
    assert [each.reason for each in segments] == ["", "", "", "", "", "iterations"]
    assert [row[0] for row in rows] == list(range(41))
    assert rows == told
    assert all(row[-1] == 2 and row[2] == 3 / 12 for row in rows)
    assert all(after[LOSS] <= before[LOSS] for before, after in pairwise(rows))
    assert all(after[EVALUATIONS] > before[EVALUATIONS] for before, after in pairwise(rows))
    assert rosenbrock(segments[-1].point).loss == rows[-1][LOSS]


def test_it_converges_where_both_parts_of_the_criterion_hold() -> None:
    loose, rows, _ = run(replace(CRITERION, tolerance=0.03, decrease=1e9, iterations=1000, segment=20))
    assert loose[-1].reason == "converged"
    assert rows[-1][NORM] <= 0.03 < min(row[NORM] for row in rows[:-1])
    both, more, _ = run(replace(CRITERION, tolerance=0.03, iterations=1000, segment=20))
    assert both[-1].reason == "converged"
    assert more[: len(rows)] == rows
    assert len(more) > len(rows)  # the loss had just fallen by more than a thousandth
    falls = {row[0]: earlier[LOSS] - row[LOSS] for earlier, row in zip(more, more[10:], strict=False)}
    assert falls[more[-1][0]] <= 1e-3 * more[-1][LOSS]
    assert all(falls[row[0]] > 1e-3 * row[LOSS] for row in more[len(rows) - 1 : -1])


def test_it_stalls_where_no_step_lowers_the_loss() -> None:
    segments, _, _ = run(replace(CRITERION, tolerance=0.0, iterations=10_000))
    assert segments[-1].reason == "stalled"


def test_a_segment_depends_on_the_point_before_it_alone() -> None:
    segments, rows, _ = run(CRITERION)
    kept = rows[:15]  # after two segments of seven
    again = list(descend(rosenbrock, segments[1].point, CRITERION, kept, images=12, phase=2, on_row=lambda row: None))
    assert kept == rows
    assert [each.reason for each in again] == [each.reason for each in segments[2:]]
    for one, other in zip(again, segments[2:], strict=True):
        assert torch.equal(one.point, other.point)


def test_a_phase_goes_on_after_the_last_ones_iterations() -> None:
    before: list[Row] = [(0, 9.0, 1.0, 1.0, 1, 1), (1, 8.0, 1.0, 1.0, 2, 1)]
    _, rows, told = run(CRITERION, list(before))
    assert rows[:2] == before
    assert [row[0] for row in rows[2:]] == list(range(1, 42))
    assert rows[2][EVALUATIONS] == 1
    assert rows[2:] == told


@pytest.mark.parametrize("segment", [1, 100])
def test_a_segment_of_any_length_ends(segment: int) -> None:
    segments, rows, _ = run(replace(CRITERION, segment=segment))
    assert segments[-1].reason == "iterations"
    assert len(segments) == (40 if segment == 1 else 1)
    assert rows[-1][0] == 40
