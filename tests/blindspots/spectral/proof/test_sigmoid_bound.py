import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.spectral.proof import sigmoid_bound
from blindspots.spectral.proof.sigmoid_bound import JointBound, hidden_bound, product_bound
from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork


def network(sizes, seed, scale=1.0):
    random = torch.Generator().manual_seed(seed)
    weights = [
        scale * torch.randn(outputs, inputs, generator=random, dtype=torch.float64)
        for inputs, outputs in pairwise(sizes)
    ]
    return SigmoidNetwork(tuple(weights), tuple(torch.zeros(len(weight)).double() for weight in weights))


def norm(matrix):
    return float(torch.linalg.matrix_norm(matrix, 2))


def steepest(made, lead, seed, count=60):
    """The largest Jacobian's norm anywhere: with slopes in (0, 1/4], whatever inputs there are to bring them about."""
    random = torch.Generator().manual_seed(seed)
    largest = 0.0
    for place in range(count):
        matrix, *others = (*made.weights[:-1], lead @ made.weights[-1])
        for weight in others:
            slopes = torch.rand(len(matrix), generator=random, dtype=torch.float64) / 4
            if place % 2:
                slopes = (slopes > 0.1).double() / 4
            matrix = weight @ (slopes[:, None] * matrix)
        largest = max(largest, norm(matrix))
    return largest


@settings(max_examples=12)
@given(
    seed=st.integers(0, 10**6),
    sizes=st.sampled_from([(4, 3), (5, 6, 3), (3, 8, 5, 4), (6, 4, 5, 6, 2), (2, 1, 1, 1)]),
    scale=st.sampled_from([1e-3, 1.0, 50.0]),
)
def test_lies_between_what_is_found_and_the_product(seed, sizes, scale):
    made = network(sizes, seed, scale)
    lead = torch.eye(sizes[-1], dtype=torch.float64)
    product, joint = product_bound(made, lead), JointBound(made).of(lead)
    assert steepest(made, lead, seed) <= joint <= product
    factors = [norm(weight) for weight in made.weights]
    assert product == pytest.approx(math.prod(factors) / 4 ** (len(factors) - 1))
    assert hidden_bound(made) == pytest.approx(math.prod(factors[:-1]) / 4 ** (len(factors) - 1))


def test_of_one_unit_a_layer_is_the_product():
    made = network((1, 1, 1, 1), 3)
    lead = torch.ones(1, 1, dtype=torch.float64)
    assert JointBound(made).of(lead) == pytest.approx(product_bound(made, lead), rel=1e-6)


def test_of_units_side_by_side_is_the_steepest_alone():
    # two units that never meet: the product takes the one's input and the other's output
    made = network((2, 2, 2), 0)
    first, last = torch.tensor([[5.0, 0], [0, 1]]).double(), torch.tensor([[1.0, 0], [0, 3]]).double()
    made = SigmoidNetwork((first, last), made.biases)
    lead = torch.eye(2, dtype=torch.float64)
    assert product_bound(made, lead) == pytest.approx(15 / 4)
    assert JointBound(made).of(lead) == pytest.approx(5 / 4, rel=1e-3)


def test_of_positive_weights_is_reached_where_all_slopes_are_steepest():
    # with one sign only, the steepest of all is at slopes of 1/4 throughout: no other bound can be better
    made = network((6, 7, 5, 1), 2)
    made = SigmoidNetwork(tuple(weight.abs() for weight in made.weights), made.biases)
    at_all = norm(made.weights[2] @ made.weights[1] @ made.weights[0]) / 16
    lead = torch.ones(1, 1, dtype=torch.float64)
    assert JointBound(made).of(lead) == pytest.approx(at_all, rel=1e-4)
    assert JointBound(made).of(lead) >= at_all


def test_beats_the_product_by_far_in_wide_networks():
    made = network((20, 30, 30, 4), 1)
    eye = torch.eye(4, dtype=torch.float64)
    assert JointBound(made).of(eye) < 0.75 * product_bound(made, eye)
    together = JointBound(made)
    assert together.of(eye) == JointBound(made).of(eye)
    pair = (eye[0] - eye[1])[None]
    warm, cold = together.of(pair), JointBound(made).of(pair)
    assert warm == pytest.approx(cold, rel=0.02)
    assert warm <= together.of(eye) * 2**0.5


def test_nothing_wrong_is_certified():
    made = network((6, 8, 5, 3), 4)
    lead = torch.eye(3, dtype=torch.float64)
    together = JointBound(made)
    last = lead @ made.weights[-1]
    found = together._search(last / norm(last))
    inverses, form = together._eliminated(found, last)
    square = norm(form)
    assert together._holds(inverses, last, square * (1 + 1e-6), size=last.abs())
    assert not together._holds(inverses, last, square * (1 - 1e-6), size=last.abs())
    assert not together._holds([inverse * 0.4 for inverse in inverses], last, square * (1 + 1e-6), size=last.abs())


def test_of_nothing_is_nothing():
    made = network((3, 4, 2), 0, scale=0.0)
    assert JointBound(made).of(torch.eye(2, dtype=torch.float64)) == 0
    equal = network((3, 4, 2), 0)
    assert JointBound(equal).of(torch.zeros(1, 2, dtype=torch.float64)) == 0


def test_where_the_search_breaks_down_the_product_is_left(monkeypatch):
    made = network((6, 8, 3), 4)
    lead = torch.eye(3, dtype=torch.float64)
    together = JointBound(made)

    def broken(last):
        raise torch.linalg.LinAlgError("the input is not positive-definite")

    monkeypatch.setattr(together, "_search", broken)
    assert together.of(lead) == product_bound(made, lead)


def test_the_room_for_rounding_grows_with_what_rounding_does(monkeypatch):
    """Of a form that is positive by less than what rounding may put it off, nothing is proved."""
    made = network((6, 8, 5, 3), 4)
    lead = torch.eye(3, dtype=torch.float64)
    together = JointBound(made)
    last = lead @ made.weights[-1]
    inverses, form = together._eliminated(together._search(last / norm(last)), last)
    square = norm(form) * (1 + 1e-6)
    assert together._holds(inverses, last, square, size=last.abs())
    assert not together._holds(inverses, last, square, size=last.abs() + 1e6)  # terms that cancel
    monkeypatch.setattr(sigmoid_bound, "rounding", lambda side: 0.4)
    assert not together._holds(inverses, last, square, size=last.abs())


def test_a_product_that_underflows_bounds_nothing():
    made = network((3, 4, 4, 2), 0)
    tiny = SigmoidNetwork((1e-200 * made.weights[0], 1e-200 * made.weights[1], 1e300 * made.weights[2]), made.biases)
    eye = torch.eye(2, dtype=torch.float64)
    assert hidden_bound(tiny) == math.inf
    assert product_bound(tiny, eye) == JointBound(tiny).of(eye) == math.inf
