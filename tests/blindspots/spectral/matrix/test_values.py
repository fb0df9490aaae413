import pytest
import torch

from blindspots.errors import InputError
from blindspots.spectral.matrix.values import checked_tolerance, checked_values, plain_arithmetic


def test_values_are_taken_without_their_gradient():
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    assert not checked_values(weight).requires_grad
    assert checked_values(weight).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (torch.ones(2, dtype=torch.complex64), r"dtype torch\.complex64"),
        (torch.ones(2, dtype=torch.int8), r"dtype torch\.int8"),
        (torch.tensor([1.0, float("nan")]), "aren't finite"),
        (torch.tensor([-float("inf")]), "aren't finite"),
    ],
)
def test_values_that_no_norm_is_of_are_refused(weight, match):
    with pytest.raises(InputError, match=match):
        checked_values(weight)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, -0.1, float("nan")])
def test_a_tolerance_lies_between_0_and_1(tolerance):
    checked_tolerance(0.5)
    with pytest.raises(InputError, match="a number between 0 and 1"):
        checked_tolerance(tolerance)


def test_arithmetic_is_plain_inside_and_as_it_was_outside():
    weight = torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with plain_arithmetic(torch.float64):
            assert not torch.is_grad_enabled()
            assert not torch.is_autocast_enabled("cpu")
            assert (weight @ weight).dtype == torch.float32
        assert torch.is_autocast_enabled("cpu")
        assert (weight @ weight).dtype == torch.bfloat16
    assert torch.is_grad_enabled()
