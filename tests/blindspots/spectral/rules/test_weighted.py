import pytest
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.spectral.rules.rules import NoRuleError, layer_bound


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(6, 4), (6,)),
        (nn.Linear(3, 4), (2, 3)),  # along the last axis alone
        (nn.Conv1d(2, 3, 3, stride=2, padding=1), (2, 9)),
        (nn.Conv2d(4, 6, (3, 2), dilation=2, groups=2, padding="valid"), (4, 7, 6)),
        (nn.Conv2d(2, 3, 3, padding="same", padding_mode="reflect"), (2, 5, 4)),
        (nn.Conv3d(1, 2, 2, padding=1), (1, 3, 2, 3)),
        (nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1, output_padding=1), (2, 5)),
        (nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1, groups=2), (4, 3, 4)),
        (nn.ConvTranspose3d(1, 2, 2, dilation=2), (1, 2, 3, 2)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_a_layer_has_the_norm_of_its_matrix(layer, shape):
    torch.manual_seed(0)
    layer = layer.double()
    layer.reset_parameters()
    at = torch.zeros(1, *shape, dtype=torch.float64)
    matrix = torch.autograd.functional.jacobian(lambda x: layer(x).flatten(), at).flatten(1)
    true = float(torch.linalg.matrix_norm(matrix, 2))
    bound = layer_bound(layer, shape)
    assert bound.lower * (1 - 1e-12) <= true <= bound.upper * (1 + 1e-12)
    assert bound.tight


def test_a_linear_layer_names_the_values_that_it_takes():
    with pytest.raises(InputError, match="6 values are wanted at its end"):
        layer_bound(nn.Linear(6, 4), (6, 4))


def test_weights_that_were_replaced_count_and_a_padding_that_torch_goes_without_is_refused():
    layer = nn.Linear(6, 4)
    layer.weight = nn.Parameter(torch.eye(3))
    assert layer_bound(layer, (3,)).upper == pytest.approx(1)
    reflected = nn.Conv1d(1, 1, 3, padding=1, padding_mode="reflect")
    zeros = nn.Conv1d(1, 1, 3, padding=1)
    reflected.padding = zeros.padding = (2,)
    assert zeros(torch.zeros(1, 1, 5)).shape[-1] == 7
    assert reflected(torch.zeros(1, 1, 5)).shape[-1] == 5  # it was made with 1
    assert layer_bound(zeros, (1, 5)).upper > 0
    with pytest.raises(NoRuleError, match=r"padding was changed to \(2,\)"):
        layer_bound(reflected, (1, 5))
