from collections.abc import Callable
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, rosen, rosen_der

from blindspots.networks.fully_connected import FullyConnected
from blindspots.training.autoencoder_objective import AutoencoderObjective
from blindspots.training.lbfgs import Curved, DivergedError, Function, Matrix, Point, minimise
from blindspots.training.objective import Objective, Value, to_vector
from tests.blindspots.training.conftest import Problem
from tests.blindspots.training.test_objective import network


def quadratic(curvatures: torch.Tensor, bottom: torch.Tensor) -> Callable[[torch.Tensor], Value]:
    def function(point: torch.Tensor) -> Value:
        offset = point - bottom
        return Value(float((curvatures * offset**2).sum() / 2), curvatures * offset, 0)

    return function


def rosenbrock(point: torch.Tensor) -> Value:
    values = point.numpy()
    return Value(float(rosen(values)), torch.from_numpy(rosen_der(values)), 0)


class Quadratic:
    """A quadratic that gives a multiple of its inverse Hessian, or what else it is told to."""

    def __init__(self, matrix: Matrix) -> None:
        self.curvatures, self.matrix = torch.tensor([1e-4, 1.0, 1e4], dtype=torch.float64), matrix
        self.asked: list[tuple[torch.Tensor, int]] = []

    def __call__(self, point: torch.Tensor) -> Value:
        return quadratic(self.curvatures, torch.ones(3, dtype=torch.float64))(point)

    def start_matrix(self, point: torch.Tensor, iteration: int) -> Matrix:
        self.asked.append((point, iteration))
        return self.matrix


def until(function: Function, start: torch.Tensor, norm: float, most: int = 500) -> list[Point]:
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


def test_the_inverse_hessian_goes_to_the_bottom_at_once() -> None:
    function = Quadratic(lambda vector: vector / function.curvatures)
    assert isinstance(function, Curved)
    points = until(function, torch.zeros(3, dtype=torch.float64), 1e-9)
    assert points[-1].gradient_norm <= 1e-9
    assert points[-1].evaluations == 2


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_the_matrix_is_scaled_by_what_was_seen(factor: float) -> None:
    """One that is a thousand times too large or too small costs a line search, no more."""
    function = Quadratic(lambda vector: factor * vector / function.curvatures)
    points = until(function, torch.zeros(3, dtype=torch.float64), 1e-9)
    assert points[-1].gradient_norm <= 1e-9
    assert points[-1].evaluations <= 8


def test_the_matrix_is_made_anew_every_ten_iterations() -> None:
    class Valley:
        asked: list[tuple[torch.Tensor, int]] = []  # noqa: RUF012

        def __call__(self, point: torch.Tensor) -> Value:
            return rosenbrock(point)

        def start_matrix(self, point: torch.Tensor, iteration: int) -> Matrix:
            self.asked.append((point, iteration))
            return lambda vector: vector.clone()

    function = Valley()
    points = list(islice(minimise(function, torch.full((10,), -1.2, dtype=torch.float64)), 25))
    assert [iteration for _, iteration in function.asked] == [0, 10, 20]
    for point, iteration in function.asked:
        assert torch.equal(point, points[iteration].weights)


@pytest.mark.parametrize("matrix", [torch.neg, torch.zeros_like, lambda vector: vector * float("nan")])
def test_a_matrix_that_is_of_no_use_is_done_without(matrix: Matrix) -> None:
    points = until(Quadratic(matrix), torch.zeros(3, dtype=torch.float64), 1e-6, most=2000)
    assert points[-1].gradient_norm <= 1e-6


def problems(problem: Problem) -> dict[str, tuple[Objective | AutoencoderObjective, torch.Tensor]]:
    images, labels = problem[0].double(), problem[1]
    found: dict[str, tuple[Objective | AutoencoderObjective, torch.Tensor]] = {}
    for sizes in ((12, 3), (12, 5, 3)):
        model = network(sizes)
        found[f"{sizes}"] = Objective(model, images, labels, decay=(1e-3,) * (len(sizes) - 1)), to_vector(model)
    point = torch.randn(137, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 3
    return found | {"autoencoder": (AutoencoderObjective(images, codes=5), point)}


@pytest.mark.parametrize("which", ["(12, 3)", "(12, 5, 3)", "autoencoder"])
def test_every_objective_is_minimised_as_by_scipy_in_fewer_evaluations(problem: Problem, which: str) -> None:
    function, start = problems(problem)[which]

    def both(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value = function(torch.from_numpy(weights))
        return value.loss, value.gradient.numpy()

    scipy = minimize(
        both, start.numpy(), jac=True, method="L-BFGS-B", options={"gtol": 1e-6, "ftol": 0, "maxiter": 3000}
    )
    points = until(function, start, 1e-5)
    assert points[-1].gradient_norm <= 1e-5
    assert points[-1].value.loss <= scipy.fun * 1.01
    assert points[-1].evaluations < scipy.nfev
    if which == "(12, 3)":  # convex; the others may end in another valley
        assert points[-1].value.loss == pytest.approx(scipy.fun, rel=1e-5)


@pytest.mark.parametrize("which", ["(12, 5, 3)", "autoencoder"])
def test_from_one_point_the_path_is_one(problem: Problem, which: str) -> None:
    """What a segment of a training begins with is its point alone: nothing is kept from an earlier minimisation."""
    function, start = problems(problem)[which]
    middle = list(islice(minimise(function, start), 15))[-1].weights
    again = list(islice(minimise(function, middle), 15))
    fresh, _ = problems(problem)[which]
    for one, other in zip(again, islice(minimise(fresh, middle), 15), strict=True):
        assert torch.equal(one.weights, other.weights)
        assert one.evaluations == other.evaluations


def test_threads_change_nothing_and_stay_as_they_were() -> None:
    random = torch.Generator().manual_seed(0)
    images = torch.rand(1500, 400, generator=random) * (torch.rand(1500, 400, generator=random) < 0.2)
    labels = torch.randint(10, (1500,), generator=random)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            model: FullyConnected = network((400, 100, 100, 10), torch.float32)
            function = Objective(model, images, labels, decay=(1e-4,) * 3)
            points = []
            for point in islice(minimise(function, to_vector(model)), 12):
                assert torch.get_num_threads() == threads
                points.append(point.weights)
            found.append(torch.stack(points))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
