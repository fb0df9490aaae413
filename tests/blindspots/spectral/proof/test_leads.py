import math

import numpy as np
import pytest
import torch
from torch import nn

from blindspots.networks.fully_connected import FullyConnected
from blindspots.spectral.proof.beside import sensitivity
from blindspots.spectral.proof.certificate import certified_radius
from blindspots.spectral.proof.leads import Allowance, Leads, lead_constants
from blindspots.spectral.proof.rounded_product import lower_bound

LOGITS = torch.tensor([[3.0, 1.0, 2.0], [0.0, 4.0, 1.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 0])
CONSTANTS = torch.tensor([[0.0, 4.0, 1.0], [4.0, 0.0, 2.0], [1.0, 2.0, 0.0]], dtype=torch.float64)
EXACT = Allowance(torch.zeros(3, dtype=torch.float64))


def test_the_class_that_catches_up_first_counts_and_the_misread_have_none():
    # leads of 2 and 1 that change by 4 and 1 a unit
    assert Leads(CONSTANTS, EXACT).radius(LOGITS, LABELS).tolist() == [0.5, 0.0]


def test_the_rival_that_holds_out_longest_counts_for_a_target():
    # to class 1 class 0 leads by 2, at 4 a unit, and class 2 by 1, at 2; the second image is read as 1 already
    leads = Leads(CONSTANTS, EXACT)
    assert leads.radius(LOGITS, LABELS, torch.tensor([1, 1])).tolist() == [0.5, 0.0]
    # to class 2: 1 at 1 from class 0; 3 at 2 from class 1
    assert leads.radius(LOGITS, LABELS, torch.tensor([2, 2])).tolist() == [1.0, 1.5]


def test_what_rounding_may_do_is_taken_off_both_logits_and_the_constants():
    errors = torch.tensor([0.25, 0.0, 0.5], dtype=torch.float64)
    off = Leads(CONSTANTS, Allowance(errors, 2.0)).radius(LOGITS, LABELS)
    assert off.tolist() == [min((2 - 0.25) / 8, (1 - 0.75) / 2), 0.0]
    proved = Allowance.proved(errors)
    assert proved.logits is errors
    assert proved.constants == 1 + 1e-9
    still, moving = torch.zeros(2, 1, dtype=torch.float64), torch.tensor([[1e-6], [2.0]], dtype=torch.float64)
    stated = Allowance.stated(LOGITS, still)
    assert stated.logits.tolist() == [4e-9] * 3
    assert stated.constants == 1 + 1e-9
    assert Allowance.stated(LOGITS, moving).logits.tolist() == [2 * 2.0**-19] * 3


def test_a_lead_that_cannot_change_lasts_for_ever_or_is_none():
    still = Leads(torch.zeros_like(CONSTANTS), EXACT)
    assert still.radius(LOGITS, LABELS).tolist() == [math.inf, 0.0]
    assert still.radius(LOGITS, LABELS, torch.tensor([1, 1])).tolist() == [math.inf, 0.0]


def test_the_constants_of_a_linear_layer_are_its_rows_and_of_another_sqrt_2():
    layer = nn.Linear(2, 3)
    layer.load_state_dict({"weight": torch.tensor([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]), "bias": torch.zeros(3)})
    found = lead_constants(layer, LOGITS, own=math.nan, before=2.0)
    assert found.tolist() == [[0, 10, 6], [10, 0, 8], [6, 8, 0]]
    for last in (None, nn.Sigmoid(), type("Linear", (nn.Linear,), {})(2, 3)):
        torch.testing.assert_close(
            lead_constants(last, LOGITS, own=3.0, before=2.0), torch.full((3, 3), 6 * 2**0.5, dtype=torch.float64)
        )


@pytest.mark.parametrize("last", [None, nn.Sigmoid()], ids=["logits", "squashed"])
def test_with_either_rounding_it_is_the_same_proof(last):
    torch.manual_seed(0)
    network = FullyConnected((9, 6, 4)).double()
    model = network if last is None else nn.Sequential(network, last)
    images = torch.rand(20, 1, 3, 3, dtype=torch.float64)
    labels = model(images).argmax(1)
    of_reals = certified_radius(model, images, labels, method="product").distortion
    in_float64 = lower_bound(model, images, labels)
    torch.testing.assert_close(of_reals, in_float64, rtol=1e-6, atol=1e-8)
    rounded = lower_bound(model.float(), images.float(), labels)
    assert (rounded < in_float64).all()
    torch.testing.assert_close(rounded, in_float64, rtol=1e-2, atol=1e-5, check_dtype=False)


def test_what_underflows_is_no_proof_that_a_lead_stands_still():
    layer = nn.Linear(2, 3).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1e-200, 0.0], [3e-200, 0.0], [1e-200, 0.0]], dtype=torch.float64))
    found = lead_constants(layer, LOGITS, own=math.nan, before=1.0)
    assert found[0, 1] > 1e-200  # its square is none
    assert found[0, 2] == 0  # equal rows
    assert lead_constants(layer, LOGITS, own=math.nan, before=1e-300)[0, 1] == math.inf
    assert lead_constants(layer, LOGITS, own=math.nan, before=math.inf)[0, 2] == 0
    assert not lead_constants(layer, LOGITS, own=math.nan, before=0.0).any()
    assert lead_constants(None, LOGITS, own=1e-300, before=1e-100)[0, 1] == math.inf


def test_distances_of_long_rows_are_rounded_up():
    short, long = (nn.Linear(size, 2, bias=False) for size in (1 << 10, 1 << 23))
    for layer in (short, long):
        with torch.no_grad():
            layer.weight[0], layer.weight[1] = 1.0, 0.0
        exact = math.sqrt(layer.in_features)
        found = float(lead_constants(layer, LOGITS[:, :2], own=math.nan, before=1.0)[0, 1])
        assert found * (1 + 1e-9) >= exact * (1 + layer.in_features * 2.0**-53)
        assert found <= exact * (1 + 1e-8)


def test_float64_puts_logits_off_by_a_hundredth_of_the_margin_that_is_stated():
    """Against 80 bits, of networks some of whose sums all but cancel."""
    for seed in range(20):
        random = torch.Generator().manual_seed(seed)
        weights = [torch.randn(20, 20, generator=random, dtype=torch.float64) for _ in range(6)]
        large = 10.0 ** (seed % 5 * 2)
        shift = large * torch.randn(20, generator=random, dtype=torch.float64)
        images = torch.rand(10, 20, generator=random, dtype=torch.float64)

        class Cancelling(nn.Module):
            def __init__(self, weights, shift):
                super().__init__()
                self.layers = nn.ParameterList([nn.Parameter(weight / 3) for weight in weights])
                self.shift = nn.Parameter(shift)

            def forward(self, x):
                for weight in self.layers:
                    x = torch.relu(x @ weight + self.shift - self.shift.roll(1))
                return x

        model = Cancelling(weights, shift).requires_grad_(False)
        exact = images.numpy().astype(np.longdouble)
        far = shift.numpy().astype(np.longdouble)
        for weight in model.layers:
            exact = np.maximum(exact @ weight.numpy().astype(np.longdouble) + far - np.roll(far, 1), 0)
        logits = model(images)
        off = float(np.abs(logits.numpy() - exact).max())
        moves = sensitivity(model, images, logits, lambda network, rows: network(rows))
        assert off < float(Allowance.stated(logits, moves).logits[0]) / 100
