import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from blindspots import device, minimum_distortion
from blindspots.distortion.exact.linear import exact_linear_distortion
from blindspots.networks.fully_connected import FullyConnected
from blindspots.spectral.proof import rounded_product as bounds
from blindspots.spectral.proof.rounded_product import certificate, lower_bound
from blindspots.spectral.proof.rounding import evaluated, is_covered


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


def patched():
    model = nn.Linear(4, 3)
    model.forward = lambda images: 2 * images[:, :3]
    return model


@pytest.mark.parametrize(
    "model",
    [
        Subclass(4, 3),
        nn.Sequential(nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 3)),
        hooked(),
        patched(),
        nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(4, 3)),  # without a channel
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)),
        nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Linear(2, 3)),
        nn.Sequential(nn.Flatten(0), nn.Linear(4, 3)),
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


def test_without_a_linear_layer_at_the_end_is_its_formula():
    model = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()).double()
    images = torch.rand(6, 4, dtype=torch.float64)
    outputs = model(images).detach()
    labels = outputs.argmax(1)
    margin = outputs.amax(1) - outputs.topk(2, dim=1).values[:, 1]
    norm = torch.linalg.svdvals(model[0].weight.detach())[0]
    bound = lower_bound(model, images, labels)
    torch.testing.assert_close(bound, margin / (2**0.5 * norm / 4) / 4**0.5, rtol=1e-8, atol=0)
    assert not lower_bound(model, images, (labels + 1) % 3).any()


def randomised(layer, seed):
    """``layer`` in float64 and evaluation mode, its weights and running statistics drawn from ``seed``."""
    random = torch.Generator().manual_seed(seed)
    layer = layer.double().eval()
    with torch.no_grad():
        for name, value in [*layer.named_parameters(), *layer.named_buffers()]:
            if value.is_floating_point():
                drawn = torch.randn(value.shape, generator=random, dtype=torch.float64)
                value.copy_(drawn.abs() + 0.1 if name.endswith("running_var") else drawn)
    return layer


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"),
        nn.MaxPool2d(2, return_indices=True),
        nn.BatchNorm2d(1, track_running_stats=False),
        nn.Softmax(1),
        nn.GELU(),
        nn.Flatten(0),
    ],
    ids=str,
)
def test_a_layer_whose_rounding_is_not_known_is_not_covered(layer):
    assert not is_covered(layer)
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(16, 3))
    assert certificate(model, torch.rand(2, 1, 4, 4)).layers == []


def convolutional(seed, norm=True):
    parts = [
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4) if norm else nn.LeakyReLU(),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Sequential(nn.Conv2d(4, 4, 3, stride=2, groups=2), nn.Tanh(), nn.Dropout2d()),
        nn.AvgPool2d(2, 1, padding=1),
        nn.Flatten(),
        nn.Linear(16, 8),
        nn.BatchNorm1d(8) if norm else nn.Sigmoid(),
        nn.Linear(8, 4),
    ]
    return randomised(nn.Sequential(*parts), seed)


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 10**6), norm=st.booleans(), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_nothing_is_found_below_it_in_a_convolutional_network(seed, norm, dtype):
    model = convolutional(seed, norm).to(dtype)
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    before = images.clone()
    with torch.no_grad():
        labels = model(images).argmax(1)
    bound = lower_bound(model, images, labels)
    assert torch.equal(images, before)
    assert (bound >= 0).all()
    assert bound.max() > 0
    found = minimum_distortion(model, images, labels)
    assert torch.equal(found.lower_bound, bound)
    assert (bound <= found.distortion)[found.success].all()
    targets = (labels + 1) % 4
    towards = lower_bound(model, images, labels, targets)
    assert (towards >= bound * (1 - 1e-12)).all()
    found = minimum_distortion(model, images, labels, rule=targets)
    assert (towards <= found.distortion)[found.success].all()


def test_is_of_evaluation_mode_whichever_mode_the_model_is_in():
    model, images = convolutional(0), torch.rand(4, 1, 8, 8, dtype=torch.float64)
    labels = model(images).argmax(1)
    expected = lower_bound(model, images, labels)
    state = copy.deepcopy(model.state_dict())
    assert torch.equal(lower_bound(model.train(), images, labels), expected)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def offset(layer, **values):
    """Set a layer's parameters and statistics."""
    with torch.no_grad():
        for name, value in values.items():
            getattr(layer, name).copy_(torch.tensor(value).reshape(getattr(layer, name).shape))
    return layer.eval()


CANCELLING = [
    nn.Sequential(offset(nn.Conv2d(1, 1, (1, 2)), weight=[3e4, -3e4], bias=[0.0]), nn.Flatten()),
    nn.Sequential(
        offset(nn.BatchNorm2d(1), running_mean=[3e4], running_var=[1 - 1e-5], bias=[3e4]),
        nn.Flatten(),
        offset(nn.Linear(2, 1), weight=[1.0, -1.0], bias=[0.0]),
    ),
    nn.Sequential(
        nn.AvgPool2d((1, 2), divisor_override=1), nn.Flatten(), offset(nn.Linear(1, 1), weight=[3e4], bias=[-3e4])
    ),
    nn.Sequential(
        offset(nn.Conv2d(1, 1, (1, 2)), weight=[3e4, 0.0], bias=[0.0]),
        nn.LeakyReLU(),
        nn.MaxPool2d(1),
        nn.Flatten(),
        offset(nn.Linear(1, 1), weight=[1.0], bias=[-1.5e4]),
    ),
]


@pytest.mark.parametrize("front", CANCELLING, ids=["convolution", "norm", "average", "maximum"])
def test_certifies_nothing_that_rounding_can_undo(front):
    # values of 30000 in float32 are some thousandths off: a lead of 1e-4 after them may be the other class's
    images, labels = torch.tensor([[[[0.5, 0.5]]]]), torch.tensor([0])
    for lead, certified in ((1e-4, False), (1.0, True)):
        last = offset(nn.Linear(1, 2), weight=[1.0, -1.0], bias=[lead / 2, -lead / 2])
        model = nn.Sequential(front, last)
        assert lower_bound(copy.deepcopy(model).double(), images.double(), labels) > 0  # float64 tells them apart
        assert bool(lower_bound(model, images, labels) > 0) == certified


def test_certifies_nothing_where_the_dtype_overflows():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    for layer in model:
        offset(layer, weight=[[1e30, 0.0], [0.0, 1e30]], bias=[0.0, 0.0])
    assert lower_bound(model, torch.tensor([[1.0, 0.0]]), torch.tensor([0])).tolist() == [0.0]
    assert lower_bound(copy.deepcopy(model).double(), torch.tensor([[1.0, 0.0]]).double(), torch.tensor([0])) > 0


def test_unknown_where_the_outputs_are_no_logits():
    assert lower_bound(nn.Linear(4, 3), torch.rand(2, 5, 4), torch.tensor([0, 1])).isnan().all()


def test_is_the_same_in_chunks(monkeypatch):
    model, images = convolutional(2), torch.rand(5, 1, 8, 8, dtype=torch.float64)
    labels = model(images).argmax(1)
    whole = lower_bound(model, images, labels)
    seen = []
    monkeypatch.setattr(device, "BUDGET", 2 * 4 * 64)  # the first layer's outputs of two images
    monkeypatch.setattr(bounds, "evaluated", lambda layer, values: seen.append(len(values)) or evaluated(layer, values))
    torch.testing.assert_close(lower_bound(model, images, labels), whole, rtol=1e-12, atol=0)
    assert seen == [1] * 11 + [2] * 11 + [2] * 11 + [1] * 11  # one image first, for what holds for all


def test_nothing_is_certified_where_the_model_is_not_its_layers(caplog):
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    images = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    labels = model(images).argmax(1)
    assert (lower_bound(model, images, labels) > 0).all()
    found = bounds.certificate(model, images)
    model[1].bias.data += 1e-5
    assert not found.bounds(images, labels).isnan().any()  # the layers are the model's own
    model[1] = nn.Linear(4, 3)
    assert found.bounds(images, labels).isnan().all()
    assert "no lower bounds" in caplog.text


def test_products_of_constants_that_underflow_are_not_0():
    model = nn.Sequential(*(nn.Linear(1, 1).double() for _ in range(4)), nn.Linear(1, 2).double())
    with torch.no_grad():
        for layer, weight in zip(model, (1e-200, 1e-200, 1e200, 1e200), strict=False):
            layer.weight.fill_(weight)
            layer.bias.zero_()
        model[4].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        model[4].bias.copy_(torch.tensor([-0.5, 0.5]))
    # over the reals the nearest misread image is 0.1 away; float64 loses it altogether, and nothing is proved
    found = lower_bound(model, torch.tensor([[0.4]], dtype=torch.float64), torch.tensor([1]))
    assert not (found > 0.1).any()
