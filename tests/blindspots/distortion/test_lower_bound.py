import pytest
import torch
from torch import nn

from blindspots.distortion.linear import exact_linear_distortion
from blindspots.distortion.lower_bound import lower_bound
from blindspots.networks.fully_connected import FullyConnected


def test_is_tight_for_two_classes_and_free_of_the_box():
    weight, bias = torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([-2.5, 0.0])
    model = nn.Linear(2, 2)
    model.load_state_dict({"weight": weight, "bias": bias})
    images, labels = torch.tensor([[0.9, 0.8], [0.1, 0.1]]), torch.tensor([0, 1])
    bound = lower_bound(model, images, labels)
    # the distance to the boundary is |3 x0 + 4 x1 - 2.5| / 5, and the distortion that over sqrt(2)
    expected = torch.tensor([3.4, 1.8], dtype=torch.float64) / 5 / 2**0.5
    torch.testing.assert_close(bound, expected, rtol=1e-5, atol=0)
    exact = exact_linear_distortion(weight, bias, images, labels).distortion
    assert (bound < exact).all()


@pytest.mark.parametrize(("activation", "constant"), [(nn.Sigmoid(), 0.25), (nn.ReLU(), 1.0), (nn.Tanh(), 1.0)])
def test_of_a_hidden_layer_is_its_formula(activation, constant):
    random = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Sequential(activation, nn.Linear(5, 3))).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=random, dtype=torch.float64))
    images = torch.rand(20, 3, 4, generator=random, dtype=torch.float64)
    logits = model(images).detach()
    labels = logits.argmax(1)
    first, last = model[1].weight.detach(), model[2][1].weight.detach()
    norm = torch.linalg.svdvals(first)[0]
    ratios = [(logits[range(20), labels] - logits[:, j]) / (last[labels] - last[j]).norm(dim=1) for j in range(3)]
    ratio = torch.stack(ratios, 1).nan_to_num(torch.inf).scatter(1, labels[:, None], torch.inf).amin(1)
    bound = lower_bound(model, images, labels)
    torch.testing.assert_close(bound, ratio / (constant * norm) / 12**0.5, rtol=1e-8, atol=0)
    assert (bound < ratio / (constant * norm) / 12**0.5).all()  # rounded down


def test_of_a_target_is_the_hardest_rival_and_zero_where_reached():
    model = nn.Linear(2, 3)
    model.load_state_dict({"weight": torch.tensor([[2.0, 0], [0, 2.0], [0, 0]]), "bias": torch.tensor([0, 0, 0.5])})
    images, labels = torch.tensor([[0.9, 0.5], [0.1, 0.1]]), torch.tensor([0, 0])
    bound = lower_bound(model, images, labels, torch.tensor([1, 2]))
    torch.testing.assert_close(bound, torch.tensor([0.8 / 8**0.5 / 2**0.5, 0], dtype=torch.float64), rtol=1e-5, atol=0)


def test_holds_for_logits_as_rounded():
    # the gap of the float32 logits is lost in rounding: nothing may be certified
    model = nn.Linear(2, 2)
    model.load_state_dict({"weight": torch.tensor([[1e4, 0.0], [1e4, 1e-4]]), "bias": torch.tensor([0.0, 0.0])})
    assert not lower_bound(model, torch.tensor([[1.0, 1.0]]), torch.tensor([1])).any()


def test_zero_where_misread():
    model = nn.Linear(2, 2)
    model.load_state_dict({"weight": torch.eye(2), "bias": torch.zeros(2)})
    assert lower_bound(model, torch.tensor([[1.0, 0.0]]), torch.tensor([1])).tolist() == [0.0]


class Subclass(nn.Linear):
    def forward(self, images):
        return super().forward(images) * 2


def hooked():
    model = nn.Sequential(nn.Linear(4, 3))
    model[0].register_forward_hook(lambda module, inputs, output: 2 * output)
    return model


@pytest.mark.parametrize(
    "model",
    [
        Subclass(4, 3),
        nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()),
        nn.Sequential(nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 3)),
        hooked(),
    ],
)
def test_unknown_for_other_structures(model):
    assert lower_bound(model, torch.rand(2, 4), torch.tensor([0, 1])).isnan().all()


def test_knows_the_packages_own_network():
    model = FullyConnected((4, 3, 3)).double()
    same = nn.Sequential(nn.Flatten(), model.linears[0], nn.Sigmoid(), model.linears[1])
    images = torch.rand(5, 1, 2, 2, dtype=torch.float64)
    labels = model(images).argmax(1)
    bound = lower_bound(model, images, labels)
    assert (bound > 0).all()
    assert torch.equal(bound, lower_bound(same, images, labels))
