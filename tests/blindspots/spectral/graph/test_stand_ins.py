import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blindspots.spectral.graph.stand_ins import check_stand_in, settled
from blindspots.spectral.matrix.bound import NoRuleError

WEIGHT, BIAS = torch.tensor([[1.0, -2.0], [0.5, 3.0]]), torch.tensor([0.1, -0.2])
INPUTS = torch.zeros(3, 2)


def linear(weight, bias):
    made = nn.Linear(2, 2)
    made.load_state_dict({"weight": weight, "bias": bias})
    return made


def test_a_module_that_does_what_the_call_does_stands_for_it():
    check_stand_in(linear(WEIGHT, BIAS), lambda x: F.linear(x, WEIGHT, BIAS), INPUTS)
    check_stand_in(linear(WEIGHT, 0 * BIAS), lambda x: x @ WEIGHT.T, INPUTS)
    check_stand_in(nn.Dropout().train(), lambda x: x, INPUTS)  # in evaluation mode
    check_stand_in(nn.ReLU(), lambda x: x.relu_(), INPUTS)  # what the call overwrites is not what the module gets


@pytest.mark.parametrize(
    ("module", "call"),
    [
        (linear(WEIGHT, 0 * BIAS), lambda x: F.linear(x, WEIGHT, BIAS)),
        (linear(WEIGHT.T.clone(), BIAS), lambda x: F.linear(x, WEIGHT, BIAS)),
        (nn.LeakyReLU(0.1), lambda x: F.leaky_relu(x, 0.2)),  # the same in [0, 1]
        (nn.Hardtanh(-1, 1), lambda x: F.hardtanh(x, -1, 2)),
        (nn.ReLU(), lambda x: torch.relu(x).double()),
        (nn.ReLU(), lambda x: torch.relu(x)[:, None]),
        (nn.ReLU(), lambda x: (torch.relu(x), x)),
    ],
)
def test_another_module_does_not(module, call):
    with pytest.raises(NoRuleError, match=type(module).__name__):
        check_stand_in(module, call, INPUTS)


def test_an_eps_that_the_dtype_decides_is_the_one_of_the_inputs():
    norm = nn.RMSNorm(3)
    assert settled(norm, torch.float32).eps == 2.0**-23
    assert settled(norm, torch.bfloat16).eps == 2.0**-23
    assert settled(norm, torch.float64).eps == 2.0**-52
    assert settled(norm, torch.float64).weight is norm.weight
    assert norm.eps is None
    given, other = nn.RMSNorm(3, eps=0.5), nn.ReLU()
    assert settled(given, torch.float64) is given
    assert settled(other, torch.float64) is other
    tiny = 2.0**-20 * torch.ones(1, 3)
    torch.testing.assert_close(settled(norm, torch.float32)(tiny), norm(tiny), rtol=1e-6, atol=0)
