from collections.abc import Callable
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, rosen, rosen_der

from blindspots.training.lbfgs import DivergedError, Point, minimise
from blindspots.training.objective import Value


def quadratic(curvatures: torch.Tensor, bottom: torch.Tensor) -> Callable[[torch.Tensor], Value]:
    def function(point: torch.Tensor) -> Value:
        offset = point - bottom
        return Value(float((curvatures * offset**2).sum() / 2), curvatures * offset, 0)

    return function


def rosenbrock(point: torch.Tensor) -> Value:
    values = point.numpy()
    return Value(float(rosen(values)), torch.from_numpy(rosen_der(values)), 0)


def until(function: Callable[[torch.Tensor], Value], start: torch.Tensor, norm: float, most: int = 500) -> list[Point]:
    points = []
    for point in islice(minimise(function, start), most):
        points.append(point)
        if point.gradient_norm <= norm:
            break
    return points


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_the_bottom_of_a_quadratic_is_found(seed: int, size: int) -> None:
    random = torch.Generator().manual_seed(seed)
    curvatures = 10 ** (4 * torch.rand(size, generator=random, dtype=torch.float64) - 2)
    bottom = torch.randn(size, generator=random, dtype=torch.float64)
    points = until(quadratic(curvatures, bottom), torch.zeros(size, dtype=torch.float64), 1e-9)
    torch.testing.assert_close(points[-1].weights, bottom, rtol=1e-5, atol=1e-6)
    losses = [point.value.loss for point in points]
    assert all(after <= before for before, after in pairwise(losses))


@pytest.mark.parametrize("size", [2, 10])
def test_rosenbrocks_valley_takes_no_more_than_scipy(size: int) -> None:
    start = torch.full((size,), -1.2, dtype=torch.float64)
    points = until(rosenbrock, start, 1e-8)
    scipy = minimize(rosen, start.numpy(), jac=rosen_der, method="L-BFGS-B", options={"gtol": 1e-8, "ftol": 0})
    assert points[-1].gradient_norm <= 1e-8
    assert points[-1].value.loss <= 1e-12
    assert points[-1].evaluations <= 1.5 * scipy.nfev


def test_every_point_says_what_the_function_is_there() -> None:
    asked = 0

    def function(point: torch.Tensor) -> Value:
        nonlocal asked
        asked += 1
        return rosenbrock(point)

    for point in islice(minimise(function, torch.tensor([-1.0, 2.0], dtype=torch.float64)), 20):
        value = rosenbrock(point.weights)
        assert point.value.loss == value.loss
        assert torch.equal(point.value.gradient, value.gradient)
        assert point.gradient_norm == pytest.approx(float(np.linalg.norm(value.gradient)))
        assert point.evaluations == asked


def test_the_start_comes_first_and_is_not_changed() -> None:
    start = torch.tensor([3.0, 4.0])
    first = next(minimise(quadratic(torch.ones(2), torch.zeros(2)), start))
    assert first.evaluations == 1
    assert torch.equal(first.weights, start)
    until(quadratic(torch.ones(2), torch.zeros(2)), start, 1e-9)
    assert start.tolist() == [3.0, 4.0]


def test_it_ends_where_nothing_improves() -> None:
    points = list(islice(minimise(quadratic(torch.ones(3), torch.ones(3)), torch.zeros(3)), 50))
    assert len(points) < 50
    assert points[-1].value.loss == pytest.approx(0, abs=1e-12)


def test_a_start_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(DivergedError, match="the loss is nan"):
        next(minimise(lambda point: Value(float("nan"), point, 0), torch.ones(2)))


def test_a_wall_is_kept_away_from() -> None:
    """Beyond 1 the function is infinite, and its slope does not say so."""

    def function(point: torch.Tensor) -> Value:
        inside = float(point[0]) < 1
        return Value(float((point[0] - 5) ** 2) if inside else float("inf"), 2 * (point - 5), 0)

    points = list(islice(minimise(function, torch.zeros(1, dtype=torch.float64)), 30))
    assert all(np.isfinite(point.value.loss) for point in points)
    assert 0.9 < float(points[-1].weights[0]) < 1
