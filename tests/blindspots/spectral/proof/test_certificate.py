import copy
import math
import types

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from blindspots.distortion.search import minimum_distortion
from blindspots.errors import InputError
from blindspots.networks.convolutional import Convolutional
from blindspots.networks.fully_connected import FullyConnected
from blindspots.spectral.graph.graph import trace
from blindspots.spectral.matrix.bound import Bound, NoRuleError
from blindspots.spectral.network import network_bounds
from blindspots.spectral.proof.certificate import as_sigmoid_network, certified_radius
from blindspots.spectral.proof.rounded_product import lower_bound
from blindspots.spectral.proof.sigmoid_bound import JointBound
from blindspots.spectral.rules.rules import RULES
from tests.blindspots.spectral.graph.models import Does


def drawn(model, seed=0, scale=2.0):
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                drawn_ = torch.randn(parameter.shape, generator=random)
                parameter.copy_(scale * drawn_ / parameter[0].numel() ** 0.5)
            else:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=random))
    return model


def some(*shape, seed=0, low=0.0, high=1.0):
    return low + (high - low) * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def norm(layer):
    return float(torch.linalg.matrix_norm(layer.weight.detach().double(), 2))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1), nn.Linear(32, 4)

    def forward(self, x):
        x = self.a((x - 0.5) / 0.5)
        return self.c(torch.flatten(x + torch.relu(self.b(x)), 1))


@pytest.mark.parametrize("method", ["product", "sdp", "local"])
def test_of_a_linear_model_is_the_exact_distance(method):
    model = drawn(nn.Sequential(nn.Flatten(), nn.Linear(9, 4)), scale=1.0).double()
    model[1].bias.data.sub_(model[1].weight.detach().sum(dim=1) / 2)  # 0 in the middle of the box
    images = some(30, 1, 3, 3, low=0.45, high=0.55).double()  # nothing is held back by the box
    labels = model(images).argmax(dim=1)
    weight, logits = model[1].weight.detach(), model(images).detach()
    gaps = logits.gather(1, labels[:, None]) - logits
    exact = (gaps / (weight[labels][:, None] - weight).norm(dim=2)).nan_to_num(torch.inf).amin(dim=1)
    found = certified_radius(model, images, labels, method=method)
    assert (exact < 0.4).sum() > 10
    unclipped = exact < 0.4
    torch.testing.assert_close(found.radius[unclipped], exact[unclipped], rtol=2e-6, atol=1e-8)
    assert (found.radius <= exact * (1 + 1e-12))[unclipped].all()
    torch.testing.assert_close(found.distortion, found.radius / 3)
    assert found.method == method


def test_of_a_linear_model_in_the_box():
    model = drawn(FullyConnected((16, 5)), scale=1.0)
    images = some(40, 1, 4, 4, seed=1, low=-0.5, high=1.5).clamp(0, 1)
    labels = model(images).argmax(dim=1)
    found = certified_radius(model, images, labels)
    exact = minimum_distortion(model, images, labels).exact * 4
    assert found.method == "local"
    torch.testing.assert_close(found.radius, exact, rtol=1e-5, atol=0)
    assert (found.radius > certified_radius(model, images, labels, method="product").radius * 1.01).any()


def test_the_last_layers_own_pairs_are_used():
    model = drawn(FullyConnected((9, 6, 4)))
    images = some(20, 1, 3, 3)
    labels = model(images).argmax(dim=1)
    first, last = model.linears
    weight, logits = last.weight.detach().double(), copy.deepcopy(model).double()(images.double()).detach()
    gaps = logits.gather(1, labels[:, None]) - logits
    apart = (weight[labels][:, None] - weight).norm(dim=2) * norm(first) / 4
    expected = (gaps / apart).nan_to_num(torch.inf).amin(dim=1)
    found = certified_radius(model, images, labels, method="product")
    torch.testing.assert_close(found.radius, expected, rtol=1e-6, atol=1e-8)
    assert (found.radius <= expected).all()
    assert found.constant == pytest.approx(norm(first) * norm(last) / 4)
    assert found.constant == network_bounds(copy.deepcopy(model).double(), (1, 3, 3)).attrs["product"]
    rest = gaps.scatter(1, labels[:, None], torch.inf).amin(dim=1)
    torch.testing.assert_close(found.margin, rest)


def test_without_a_linear_layer_at_the_end_it_is_sqrt_2():
    model = drawn(nn.Sequential(nn.Linear(6, 4), nn.Sigmoid()))
    images = some(20, 6)
    labels = model(images).argmax(dim=1)
    found = certified_radius(model, images, labels)
    assert found.method == "product"
    torch.testing.assert_close(found.radius, found.margin / (2**0.5 * norm(model[0]) / 4), rtol=1e-5, atol=1e-8)


def test_zero_where_misread_and_negative_margins():
    model = drawn(FullyConnected((9, 6, 4)))
    images = some(10, 1, 3, 3)
    labels = (model(images).argmax(dim=1) + 1) % 4
    for method in ("product", "sdp", "local"):
        found = certified_radius(model, images, labels, method=method)
        assert not found.radius.any()
        assert (found.margin < 0).all()


def test_infinite_where_nothing_changes():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    nn.init.zeros_(model[0].weight)
    model[0].bias.data = torch.tensor([1.0, 2, 3])
    found = certified_radius(model, some(2, 4), torch.tensor([2, 1]))
    assert found.radius.tolist() == [math.inf, 0]


@settings(max_examples=5)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.7, 2.0, 4.0]), depth=st.integers(0, 2))
def test_the_methods_rank_and_nothing_is_found_within(seed, scale, depth):
    model = drawn(FullyConnected((9, *[8, 7][:depth], 4)), seed, scale)
    images = some(6, 1, 3, 3, seed=seed, low=-0.2, high=1.2).clamp(0, 1)
    labels = model(images).argmax(dim=1)
    found = minimum_distortion(model, images, labels)
    product, sdp, local = (
        certified_radius(model, images, labels, method=method) for method in ("product", "sdp", "local")
    )
    slack = 1 + 1e-6
    assert (product.radius <= sdp.radius * slack).all()
    assert (product.radius.clamp_max(3) <= local.radius * slack).all()  # the box's diagonal is 3
    for one in (product, sdp, local):
        assert (one.distortion <= found.distortion)[found.success].all()
        assert (one.radius >= 0).all()
    assert sdp.constant <= product.constant
    network = as_sigmoid_network(trace(model.double(), tuple(images.shape[1:])))
    assert sdp.constant == JointBound(network).of(
        torch.eye(len(network.weights[-1])).double()
    )  # by a search of its own
    assert math.isnan(local.constant)


@pytest.mark.parametrize("build", [lambda: Convolutional((1, 4, 4), (3,), (6,), 4), Residual])
def test_of_other_networks_is_below_what_is_found(build):
    model = drawn(build(), 3)
    images = some(12, 1, 4, 4, seed=3)
    labels = model(images).argmax(dim=1)
    found = minimum_distortion(model, images, labels)
    product, auto = (certified_radius(model, images, labels, method=method) for method in ("product", "auto"))
    assert auto.method == "relaxation"
    for proved in (product, auto):
        assert (proved.radius > 0).all()
        assert (proved.distortion <= found.distortion)[found.success].all()
    assert (auto.radius > product.radius).all()


def test_leaves_the_model_as_it_is():
    model = drawn(Residual()).train()
    images = some(3, 1, 4, 4)
    before = copy.deepcopy(model.state_dict())
    labels = torch.tensor([0, 1, 2])
    one = certified_radius(model, images, labels)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.dtype == torch.float32 and parameter.grad is None for parameter in model.parameters())
    again = certified_radius(model.eval(), images.double(), labels.int())
    torch.testing.assert_close(one.radius, again.radius, rtol=0, atol=0)


SIGMOID = {
    "flattened by a layer": nn.Sequential(nn.Flatten(), nn.Linear(8, 4), nn.Sigmoid(), nn.Linear(4, 3)),
    "with what does nothing": nn.Sequential(
        nn.Flatten(), nn.Linear(8, 4), nn.Dropout(), nn.Tanh(), nn.Identity(), nn.Linear(4, 3)
    ),
}
OTHERS = {
    "rectified": nn.Sequential(nn.Flatten(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3)),
    "on the last axis alone": nn.Sequential(nn.Linear(2, 2), nn.Flatten(), nn.Linear(8, 3)),
    "flattened in part": nn.Sequential(nn.Flatten(2), nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 3)),
    "two at once": nn.Sequential(nn.Flatten(), nn.Linear(8, 4), nn.Sigmoid(), nn.Hardtanh(), nn.Linear(4, 3)),
    "softmax": nn.Sequential(nn.Flatten(), nn.Linear(8, 4), nn.Softmax(1)),
}


class Viewed(nn.Module):
    def __init__(self, turned=False, skip=False):
        super().__init__()
        self.turned, self.skip = turned, skip
        self.a, self.b = nn.Linear(8, 4), nn.Linear(4, 4)

    def forward(self, x):
        x = (x.transpose(2, 3) if self.turned else x).reshape(x.shape[0], -1)
        x = torch.sigmoid(self.a(x))
        return self.b(x) + x if self.skip else self.b(x)


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        x = x.flatten(1)
        torch.sigmoid(self.a(x))
        return self.b(x)


def test_which_models_are_sigmoid_networks():
    for model in SIGMOID.values():
        assert as_sigmoid_network(trace(model, (2, 2, 2))) is not None
    for model in OTHERS.values():
        assert as_sigmoid_network(trace(model, (2, 2, 2))) is None
    assert as_sigmoid_network(trace(Viewed(turned=True), (2, 2, 2))) is None
    assert as_sigmoid_network(trace(Viewed(skip=True), (2, 2, 2))) is None
    assert as_sigmoid_network(trace(Unused(), (2, 2, 2))) is None
    assert as_sigmoid_network(trace(Viewed(), (2, 2, 2))) is not None
    network = as_sigmoid_network(trace(drawn(SIGMOID["with what does nothing"]).double(), (2, 2, 2)))
    rows = some(5, 2, 2, 2).double()
    logits = network.logits(network.hidden(rows.flatten(1)), rows.flatten(1))
    torch.testing.assert_close(logits, SIGMOID["with what does nothing"].eval()(rows))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"method": "lipschitz"}, "method is 'lipschitz'; it must be one of auto, local, sdp, product"),
        ({"images": some(2, 9, high=1.5)}, "scale the images"),
        ({"images": some(2, 9).half()}, "dtype"),
        ({"images": some(2, 8)}, r"takes no input of shape \(8,\)"),
        ({"labels": torch.tensor([0, 4])}, "label of image 1 is 4"),
        ({"labels": torch.tensor([0.0, 1])}, "integers"),
        ({"labels": torch.tensor([0])}, "one label an image"),
        ({"model": nn.Sequential(nn.Linear(9, 4), nn.ReLU(), nn.Linear(4, 4)), "method": "local"}, "'local' is for"),
        ({"model": nn.Sequential(nn.Linear(9, 4), nn.ReLU(), nn.Linear(4, 4)), "method": "sdp"}, "'sdp' is for"),
        ({"model": nn.Linear(9, 1)}, "1 class"),
        ({"model": lambda images: images}, "the model is a function"),
        ({"model": nn.Sequential(nn.Linear(9, 4), nn.Hardshrink())}, "layer '1'"),
    ],
)
def test_wrong_input(change, match):
    given_ = {"model": FullyConnected((9, 5, 4)), "images": some(2, 9), "labels": torch.tensor([0, 1]), **change}
    with pytest.raises(InputError, match=match):
        certified_radius(given_.pop("model"), given_.pop("images"), given_.pop("labels"), **given_)


CALLED = [
    (0, "weight", torch.tensor([[8.0]])),
    (0, "bias", torch.tensor([-4.0])),
    (1, "weight", torch.tensor([[-1.0], [1.0]])),
    (1, "bias", torch.tensor([0.5, -0.5])),
]
"""Layers, the names of their parameters, and these."""


class Called(nn.Module):
    """A sigmoid network whose layers are called as functions, with their biases."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(1, 1), nn.Linear(1, 2)
        self.load_state_dict({f"{'ab'[at]}.{name}": value for at, name, value in CALLED})

    def forward(self, x):
        hidden = torch.sigmoid(functional.linear(input=x, weight=self.a.weight, bias=self.a.bias))
        return functional.linear(hidden, self.b.weight, self.b.bias)


@pytest.mark.parametrize("method", ["auto", "local", "sdp", "product"])
def test_layers_that_are_called_have_their_biases(method):
    found = certified_radius(Called(), torch.tensor([[0.55]]), torch.tensor([1]), method=method)
    assert 0.049 < float(found.radius) <= 0.05 + 1e-7  # the classes change at 0.5


class Branching(nn.Module):
    """A layer with a rule of its own that does something else in float64 than in float32."""

    def forward(self, x):
        return x * (1.0 if x.dtype == torch.float32 else 0.9)


class Cast(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.a, self.dtype = nn.Linear(4, 3), dtype

    def forward(self, x):
        return self.a(x.to(self.dtype).type_as(self.a.weight))


def test_what_the_float64_copy_does_otherwise_is_refused():
    images, labels = some(3, 4), torch.tensor([0, 1, 2])
    RULES.add(Branching, lambda layer, shape: Bound(0.9, 1.0, "at most 1"))
    try:
        with pytest.raises(InputError, match="off those of its copy in float64"):
            certified_radius(nn.Sequential(Branching(), nn.Linear(4, 3)), images, labels)
    finally:
        RULES.remove(Branching)
    for dtype in (torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.uint8, torch.bool):
        with pytest.raises(NoRuleError, match=r"fewer values|no tensor of floating-point"):
            certified_radius(Cast(dtype), images, labels)
    norm = nn.Sequential(nn.RMSNorm(4), nn.Linear(4, 3))
    tiny = 1e-4 * images  # where an eps of float32's and one of float64's are far apart
    found = certified_radius(norm, tiny, norm(tiny).argmax(1))
    apart = (norm[1].weight[:, None] - norm[1].weight).norm(dim=2).max() * 2**11.5
    assert (found.radius <= found.margin / float(apart) * 8).all()
    assert (found.radius > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_model_that_writes_to_its_input_does_not_reach_the_callers(dtype):
    model = nn.Sequential(nn.Threshold(0.5, 0.5, inplace=True), nn.Linear(4, 3)).to(dtype)
    images = some(5, 4).to(dtype)
    before = images.clone()
    certified_radius(model, images, torch.tensor([0, 1, 2, 0, 1]))
    lower_bound(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3)).to(dtype), images, torch.zeros(5).long())
    assert torch.equal(images, before)


def replaced(layer, change):
    """Have a layer return what its class does and ``change`` of its input."""
    layer.forward = types.MethodType(lambda self, x: type(self).forward(self, x) + change(x), layer)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("method", ["auto", "local", "sdp", "product"])
def test_a_sigmoid_network_with_a_layer_whose_forward_pass_was_replaced_is_none(method, place):
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid(), nn.Linear(1, 2))
    model.load_state_dict({f"{2 * at}.{name}": value for at, name, value in CALLED})
    images = torch.tensor([[0.55]])
    replaced(model[place], lambda x: 0 * x if place == 2 else -100 * torch.relu(x - 0.56))
    match = "'(local|sdp)' is for" if method in ("local", "sdp") else "a forward pass of its own"
    with pytest.raises(InputError, match=match):
        certified_radius(model, images, torch.tensor([1]), method=method)


def test_a_layer_with_a_method_of_its_own_has_no_relaxation():
    model = nn.Sequential(nn.Conv1d(1, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2, 3))
    model[0]._conv_forward = lambda x, weight, bias: functional.conv1d(x, weight, bias) - 9 * torch.relu(x - 0.9)
    with pytest.raises(InputError, match="method '_conv_forward' of its own"):
        certified_radius(model, some(2, 1, 2, high=0.8), torch.tensor([0, 1]), method="relaxation")


class Apart(nn.Module):
    """Two classes, which change at 0.25."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(1, 2)
        self.a.load_state_dict({"weight": torch.tensor([[1.0], [-1.0]]), "bias": torch.tensor([-0.25, 0.25])})

    def forward(self, x):
        return self.a(x)


def jumping(x):
    return torch.relu(x - 0.985) @ torch.tensor([[-1000.0, 1000.0]], dtype=x.dtype)


class CalledOtherwise(Apart):
    def __call__(self, x):
        return super().__call__(x) + jumping(x)


@pytest.mark.parametrize("method", ["auto", "product", "relaxation"])
@pytest.mark.parametrize("kind", [Apart, CalledOtherwise])
def test_what_a_call_of_the_model_itself_adds_is_in_the_proof(kind, method):
    model, images = kind(), torch.tensor([[0.98]])
    if kind is Apart:
        replaced(model, jumping)
    found = certified_radius(model, images, model(images).argmax(1), method=method)
    assert model(images + 0.006).argmax(1) != model(images).argmax(1)
    assert 0 < float(found.radius) < 0.006


class ByPlace(Apart):
    """Multiplies the logits by what the place of an image in its batch says, or the size of the batch."""

    def __init__(self, what):
        super().__init__()
        self.what = what
        for name in ("rising", "late"):
            self.register_buffer(name, torch.arange(1.0, 65.0) if name == "rising" else torch.ones(64))
        self.late[6:] = 5.0

    def forward(self, x):
        return self.what(self, super().forward(x), x.shape[0])


BY_PLACE = {
    "by the place": lambda m, logits, n: logits * m.rising[:n, None],
    "by a place that few have": lambda m, logits, n: logits * m.late[:n, None],
    "added by the place": lambda m, logits, n: logits + m.rising[:n, None] * torch.tensor([[0.0, 1.0]]).to(logits),
    "by the size": lambda m, logits, n: logits * (n // 3 + 1),
    "by a size that is large": lambda m, logits, n: logits * (n // 8 + 1),
    "a little by the size": lambda m, logits, n: logits * (1 + 1e-5 * (n // 8)),
}
MIXED = "mixes the images|in another batch|for two images|layers read off|for each image"


@pytest.mark.parametrize("method", ["auto", "product"])
@pytest.mark.parametrize("what", BY_PLACE)
def test_a_model_that_answers_by_the_place_or_the_size_of_the_batch_is_refused(what, method):
    images = torch.full((10, 1), 0.3)
    with pytest.raises(InputError, match=MIXED):
        certified_radius(ByPlace(BY_PLACE[what]), images, torch.zeros(10).long(), method=method)


def test_a_model_that_asks_for_the_batchs_size_and_answers_by_the_image_is_proved():
    images = torch.full((5, 1), 0.3)
    model = ByPlace(lambda m, logits, n: logits.reshape(n, 2) * m.rising[:1, None].expand(n, 2))
    for method in ("auto", "product"):
        found = certified_radius(model, images, torch.zeros(5).long(), method=method)
        torch.testing.assert_close(found.radius, torch.full((5,), 0.05).double(), rtol=1e-4, atol=0)


def test_bits_that_are_read_as_another_dtype_are_refused():
    model = Does(lambda m, x: m.a(x).view(torch.float64), a=nn.Linear(4, 4))
    with pytest.raises(NoRuleError, match="reads the values' bits"):
        network_bounds(model, (4,))
    with pytest.raises(NoRuleError, match="reads the values' bits"):  # its copy in float64 reads no others
        certified_radius(model, some(2, 4), torch.tensor([0, 1]))
    assert network_bounds(model.double(), (4,)).attrs["product"] > 0  # where it is its own


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("threshold", [20, 16])
def test_what_a_softplus_jumps_by_is_taken_off(dtype, threshold):
    model = nn.Sequential(nn.Linear(1, 1), nn.Softplus(threshold=threshold), nn.Linear(1, 2, bias=False)).double()
    with torch.no_grad():
        model[0].weight.fill_(2.0 * threshold)
        model[0].bias.zero_()
        model[2].weight.copy_(torch.tensor([[1.0], [-1.0]]))
    image, label = torch.tensor([[0.5]], dtype=torch.float64), torch.tensor([0])
    beside = nn.Sequential(model, nn.Linear(2, 2).double())
    with torch.no_grad():
        beside[1].weight.copy_(torch.eye(2))
        middle = model(image)[0, 0] - 1e-3 * math.exp(-threshold)
        beside[1].bias.copy_(torch.stack([-middle, middle]))
    assert beside(image).argmax() == 0
    assert beside(image + 1e-13).argmax() == 1  # the softplus falls there by e^-threshold
    assert float(certified_radius(beside, image, label).radius) == 0
    # where the lead is larger it is proved, less so much
    found = certified_radius(model.to(dtype), image.to(dtype), label)
    norm = 2 * threshold * 2**0.5 * 2**0.5
    assert 0 < float(found.radius) <= float(found.margin) / norm
    torch.testing.assert_close(found.radius, found.margin / norm, rtol=1e-5, atol=0)
