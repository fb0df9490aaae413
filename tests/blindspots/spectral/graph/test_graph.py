import copy
import math
import operator
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from blindspots.errors import InputError
from blindspots.networks.convolutional import Convolutional
from blindspots.networks.fully_connected import FullyConnected
from blindspots.spectral.graph.graph import trace
from blindspots.spectral.matrix.bound import NoRuleError
from blindspots.spectral.network import assemble, bound_layer, network_bounds


class Does(nn.Module):
    """A model that does what a function of its input and itself says."""

    def __init__(self, what, **parts):
        super().__init__()
        self.what = what
        for name, part in parts.items():
            if isinstance(part, torch.Tensor):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x):
        return self.what(self, x)


def matrix(rows, columns, seed=0):
    made = torch.Generator().manual_seed(seed)
    layer = nn.Linear(columns, rows)
    layer.load_state_dict(
        {"weight": torch.randn(rows, columns, generator=made), "bias": torch.randn(rows, generator=made)}
    )
    return layer.double()


def norm(layer):
    return float(torch.linalg.matrix_norm(layer.weight.detach(), 2))


def product(model, shape=(4,)):
    return network_bounds(model, shape).attrs["product"]


FIRST, SECOND = matrix(4, 4, 1), matrix(4, 4, 2)
BUFFER = torch.tensor([1.0, -3.0, 0.5, 2.0], dtype=torch.float64)
CASES = {
    "layers in a row multiply": (lambda m, x: m.b(torch.relu(m.a(x))), lambda a, b: a * b),
    "a residual block is 1 + L": (lambda m, x: x + m.a(x), lambda a, b: 1 + a),
    "added in place under a new name": (lambda m, x: m.b(m.a(x).add_(1)), lambda a, b: a * b),
    "a difference": (lambda m, x: m.a(x) - m.b(x), lambda a, b: a + b),
    "a sum with a factor": (lambda m, x: torch.add(m.a(x), m.b(x), alpha=-2), lambda a, b: a + 2 * b),
    "twice the same": (lambda m, x: m.a(x) + m.a(x), lambda a, b: 2 * a),
    "one value twice": (lambda m, x: operator.add(*[m.a(x)] * 2), lambda a, b: 2 * a),
    "side by side": (lambda m, x: torch.cat([m.a(x), m.b(x)], dim=1), math.hypot),
    "side by side with a constant": (lambda m, x: torch.cat([m.a(x), m.c.expand(x.shape[0], 4)], 1), lambda a, b: a),
    "stacked": (lambda m, x: torch.stack((m.a(x), m.b(x)), 1), math.hypot),
    "the larger": (lambda m, x: torch.maximum(m.a(x), m.b(x)), math.hypot),
    "normalisation of the input": (lambda m, x: m.a((x - m.c) / 0.25), lambda a, b: 4 * a),
    "divided by a buffer": (lambda m, x: m.a(x) / m.c, lambda a, b: 2 * a),
    "times a buffer": (lambda m, x: m.c * m.a(x) + m.c, lambda a, b: 3 * a),
    "times a buffer, spread out": (lambda m, x: m.c * m.a(x)[:, :, None], lambda a, b: 6 * a),
    "plus a buffer, spread out": (lambda m, x: m.c + m.a(x)[:, :, None], lambda a, b: 2 * a),
    "expanded": (lambda m, x: m.a(x)[:, None].expand(-1, 9, -1), lambda a, b: 3 * a),
    "repeated": (lambda m, x: m.a(x).repeat(1, 4), lambda a, b: 2 * a),
    "indices twice": (lambda m, x: m.a(x)[:, [0, 1, 1]], lambda a, b: 2**0.5 * a),
    "taken apart and together": (lambda m, x: torch.cat(m.a(x).chunk(2, dim=1), 1), lambda a, b: a),
    "a piece": (lambda m, x: m.a(x).split(2, dim=1)[1], lambda a, b: a),
    "shapes": (lambda m, x: m.a(x.view(x.size(0), 2, -1).transpose(1, 2).reshape(x.shape[0], 4)), lambda a, b: a),
    "a mean": (lambda m, x: m.a(x).mean(1), lambda a, b: a / 2),
    "a sum over values": (lambda m, x: m.a(x).sum(dim=1, keepdim=True), lambda a, b: 2 * a),
    "the largest": (lambda m, x: m.a(x).amax(1), lambda a, b: a),
    "elementwise": (lambda m, x: -m.a(x).abs().clamp(0, 1).double(), lambda a, b: a),
    "a matrix that is no module": (lambda m, x: F.linear(m.a(x), m.b.weight) @ m.b.weight.T, lambda a, b: a * b * b),
    "a layer of a masked weight": (lambda m, x: F.linear(m.a(x), m.b.weight * 2), lambda a, b: a * 2 * b),
    "functions": (lambda m, x: F.softmax(torch.sigmoid(m.a(x)).sigmoid(), dim=1), lambda a, b: a / 32),
    "dropout": (lambda m, x: F.dropout(m.a(x), training=m.training), lambda a, b: a),
    "independent of the input": (lambda m, x: m.c * 2, lambda a, b: 0),
    "the input itself": (lambda m, x: x, lambda a, b: 1),
    "an unused layer": (lambda m, x: (m.a(x), m.b(x))[0], lambda a, b: a),
}


@pytest.mark.parametrize("name", CASES)
def test_of_what_is_between_layers(name):
    what, expected = CASES[name]
    model = Does(what, a=FIRST, b=SECOND, c=BUFFER)
    assert product(model) == pytest.approx(expected(norm(FIRST), norm(SECOND)), rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_spread_farther(name):
    model = Does(CASES[name][0], a=FIRST, b=SECOND, c=BUFFER).eval()
    at = torch.randn(1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x).flatten(), at).reshape(-1, 4)
    assert torch.linalg.matrix_norm(jacobian, 2) <= product(model)


CALLS = {
    "relu": (lambda x: F.relu(x), (4,)),
    "relu in place": (lambda x: (x * 2).relu_(), (4,)),
    "leaky": (lambda x: F.leaky_relu(x, 0.3), (4,)),
    "elu": (lambda x: F.elu(x, alpha=2.0), (4,)),
    "prelu": (lambda x: F.prelu(x, torch.full((1,), 1.7)), (4,)),
    "gelu": (lambda x: F.gelu(x, approximate="tanh"), (4,)),
    "silu": (lambda x: F.silu(x), (4,)),
    "hardtanh": (lambda x: F.hardtanh(x, -0.2, 0.4), (4,)),
    "softplus": (lambda x: F.softplus(x, 3.0), (4,)),
    "log softmax": (lambda x: F.log_softmax(x, 1), (4,)),
    "tensor softmax": (lambda x: x.softmax(-1), (4,)),
    "layer norm": (lambda x: F.layer_norm(x, (4,), eps=0.5), (4,)),
    "rms norm": (lambda x: F.rms_norm(x, (4,), torch.full((4,), 3.0), 0.5), (4,)),
    "group norm": (lambda x: F.group_norm(x, 2, torch.tensor([1.0, 2, 3, 4]), eps=0.1), (4, 3)),
    "batch norm": (lambda x: F.batch_norm(x, torch.zeros(2), torch.full((2,), 4.0), eps=0.0), (2, 3, 3)),
    "response norm": (lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0), (4, 3, 3)),
    "convolution": (lambda x: F.conv2d(x, torch.ones(4, 1, 3, 2), stride=(2, 1), padding=1, groups=2), (2, 6, 5)),
    "transposed": (lambda x: F.conv_transpose2d(x, torch.ones(2, 3, 3, 3), stride=2, padding=1), (2, 4, 4)),
    "convolution 1d": (lambda x: F.conv1d(x, torch.ones(4, 2, 3), torch.ones(4), dilation=2), (2, 9)),
    "max pool": (lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), (1, 8, 8)),
    "torch's max pool": (lambda x: torch.max_pool2d(x, 2), (1, 6, 6)),
    "average pool": (lambda x: F.avg_pool2d(x, 3, stride=1, count_include_pad=False), (1, 5, 5)),
    "average pool 1d": (lambda x: F.avg_pool1d(x, 3, 2), (2, 7)),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, (2, 3)), (1, 5, 5)),
    "adaptive maximum": (lambda x: F.adaptive_max_pool2d(x, 2), (1, 5, 5)),
    "of squares": (lambda x: F.lp_pool2d(x, 2, 3, stride=1), (1, 5, 5)),
    "zeros around": (lambda x: F.pad(x, (1, 2, 0, 1)), (1, 5, 5)),
    "reflected": (lambda x: F.pad(x, (2, 2, 2, 2), mode="reflect"), (1, 5, 5)),
    "circular": (lambda x: F.pad(x, (2, 1), mode="circular"), (1, 5)),
    "larger": (lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), (1, 3, 3)),
    "dropout": (lambda x: F.dropout(x, 0.5, False), (4,)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_stands_for_the_module_that_does_the_same(name):
    call, shape = CALLS[name]
    (layer, *_) = trace(Does(lambda m, x: call(x)), shape).layers
    inputs = 3 * torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    scaled = 2 * inputs if name == "relu in place" else inputs
    real, module = call(inputs), layer.module.eval()(scaled)
    assert layer.input_shape == shape
    assert layer.output_shape == tuple(real.shape[1:])
    # but for a bias, which the module lacks
    torch.testing.assert_close(module - module[:1], real - real[:1])
    assert bound_layer(layer).own.upper > 0


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        identity = self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class Residual(nn.Module):
    """What a residual network of torchvision does, in small."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.block = Block(4, 6, 2)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x = self.block(self.pool(F.relu(self.stem(x))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def drawn(model, seed=0):
    made = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.is_floating_point():
                values = torch.randn(value.shape, generator=made, dtype=torch.float64) / value[:1].numel() ** 0.5
                value.copy_(values.abs() + 0.3 if name.endswith("running_var") else values)
    return model


def test_of_a_residual_network():
    model = drawn(Residual().double())
    found = network_bounds(model, (1, 9, 9))
    upper = {str(name): float(found.upper.sel(layer=name)) for name in found.layer.values}
    folded = {str(name): float(found.folded.sel(layer=name)) for name in found.layer.values}
    assert list(upper) == [
        *("stem", "relu", "pool", "block.downsample.0", "block.downsample.1", "block.conv1", "block.bn1", "block.relu"),
        *("block.conv2", "block.bn2", "block.relu#2", "adaptive_avg_pool2d", "fc"),
    ]
    first = upper["stem"] * upper["pool"]
    assert upper["pool"] == pytest.approx(2)
    pairs = [("block.downsample.0", "block.downsample.1"), ("block.conv1", "block.bn1"), ("block.conv2", "block.bn2")]
    beside, one, two = (min(folded[b], upper[a] * upper[b]) for a, b in pairs)
    assert any(folded[b] < 0.95 * upper[a] * upper[b] for a, b in pairs)
    assert all(folded[b] <= upper[a] * upper[b] * (1 + 1e-9) for a, b in pairs)
    branches = first * (beside + one * two)
    assert float(found.running.sel(layer="block.relu#2")) == pytest.approx(branches)
    assert found.attrs["product"] == pytest.approx(branches * upper["adaptive_avg_pool2d"] * upper["fc"])
    model.eval()
    for seed in range(5):
        at = torch.randn(1, 1, 9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        jacobian = torch.autograd.functional.jacobian(model, at).reshape(3, -1)
        assert torch.linalg.matrix_norm(jacobian, 2) < found.attrs["product"]


def test_the_data_set():
    model = Convolutional((1, 8, 8), (2, 3), (5,), 4)
    found = network_bounds(model, (1, 8, 8))
    assert found.sizes == {"layer": 8}
    assert found.kind.values.tolist() == ["Conv2d", "ReLU", "Conv2d", "ReLU", "Flatten", "Linear", "ReLU", "Linear"]
    assert found.input_shape.values[0] == "1x8x8"
    assert found.output_shape.values.tolist()[-1] == "4"
    assert (found.lower <= found.upper).all()
    assert found.running.values == pytest.approx(found.upper.cumprod().values)
    assert float(found.running[-1]) == pytest.approx(found.attrs["product"])
    assert found.folded.isnull().all()
    assert found.attrs["units"] == "logit per unit of the input's Euclidean norm"
    assert found.attrs["input_shape"] == "1x8x8"
    assert all(variable.attrs["long_name"] for variable in found.variables.values())
    assert set(found.attrs) >= {"blindspots", "torch"}
    one_by_one = trace(model, (1, 8, 8))
    bounds = [bound_layer(pickle.loads(pickle.dumps(layer))) for layer in one_by_one.layers]
    assert assemble(one_by_one, bounds).identical(found)


def test_the_fully_connected_network():
    model = FullyConnected((12, 5, 3))
    first, second = (float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) for layer in model.linears)
    assert product(model, (1, 3, 4)) == pytest.approx(first / 4 * second, rel=1e-6)


def folding(kind, norm_kind, shape):
    layer = drawn(kind.double(), 1)
    after = drawn(norm_kind.double(), 2)
    return nn.Sequential(layer, after).eval(), shape


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        folding(nn.Linear(5, 6), nn.BatchNorm1d(6), (5,)),
        folding(nn.Conv1d(2, 3, 3, stride=2), nn.BatchNorm1d(3, affine=False), (2, 9)),
        folding(nn.Conv2d(4, 6, 3, padding=1, groups=2), nn.BatchNorm2d(6), (4, 5, 5)),
        folding(parametrizations.weight_norm(nn.Conv2d(4, 6, 3)), nn.BatchNorm2d(6), (4, 5, 5)),
    ],
)
def test_a_folded_norm_beats_the_product_and_holds(model, shape):
    found = network_bounds(model, shape)
    inputs = torch.randn(1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    count = inputs.numel()
    true = torch.linalg.matrix_norm(torch.autograd.functional.jacobian(model, inputs).reshape(-1, count), 2)
    assert true <= found.attrs["product"] < float(found.upper.prod())
    assert found.attrs["product"] == pytest.approx(float(true), rel=1e-6)


def test_a_norm_does_not_fold_where_others_read_its_input_as_well():
    model = Does(lambda m, x: (lambda y: m.n(y) + y)(m.a(x)), a=FIRST, n=drawn(nn.BatchNorm1d(4).double()))
    found = network_bounds(model, (4,))
    assert found.folded.isnull().all()
    assert found.attrs["product"] == pytest.approx(norm(FIRST) * (1 + float(found.upper.sel(layer="n"))))


def test_parametrised_weights_are_those_that_evaluation_mode_reads():
    layer = parametrizations.spectral_norm(drawn(nn.Linear(4, 3).double()))
    model = nn.Sequential(layer, nn.ReLU()).train()
    before = copy.deepcopy(model.state_dict())
    found = network_bounds(model, (4,))
    assert found.kind.values.tolist() == ["Linear", "ReLU"]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert found.attrs["product"] == pytest.approx(norm(copy.deepcopy(layer).eval()), rel=1e-9)


def test_leaves_the_model_as_it_is():
    model = Residual()
    model.block.eval()
    model.stem.weight.requires_grad_(False)
    before, modes = copy.deepcopy(model.state_dict()), [module.training for module in model.modules()]
    random = torch.get_rng_state()
    network_bounds(model, (1, 9, 9))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert not model.stem.weight.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)


UNKNOWN = {
    "a product of two values": lambda m, x: m.a(x) * m.b(x),
    "a quotient": lambda m, x: 1 / m.a(x),
    "a quotient of two values": lambda m, x: m.a(x) / (1 + m.b(x).abs()),
    "a power": lambda m, x: m.a(x) ** 2,
    "a matrix product of two values": lambda m, x: torch.matmul(m.a(x)[:, None], m.b(x)[:, :, None])[:, :, 0],
    "a function without a rule": lambda m, x: F.normalize(m.a(x)),
    "attention": lambda m, x: F.scaled_dot_product_attention(m.a(x)[:, None], m.a(x)[:, None], m.a(x)[:, None])[:, 0],
    "a bound that depends on the input": lambda m, x: torch.clamp(m.a(x), max=m.b(x)),
    "and so does a lower one": lambda m, x: torch.clamp(m.a(x), m.b(x)),
    "the sum of a batch": lambda m, x: m.a(x)[:, :2, None].sum(0),
    "the place of the largest": lambda m, x: m.a(x).argmax(1).double()[:, None],
    "other images of the batch": lambda m, x: m.a(x).flip(0),
    "the mean of the batch": lambda m, x: m.a(x) - m.a(x).mean(0, keepdim=True),
    "the batch by its own statistics": lambda m, x: F.batch_norm(m.a(x), None, None, training=True),
    "all images in one row": lambda m, x: m.a(x).reshape(1, -1).expand(2, 8),
    "a softmax over the batch": lambda m, x: torch.softmax(m.a(x), 0),
    "a dropout that evaluation mode does not stop": lambda m, x: F.dropout(m.a(x), 0.0),
    "softmax without dim": lambda m, x: torch.special.softmax(m.a(x).pow(2), 1),
    "a layer of several inputs": lambda m, x: m.w(m.a(x), m.b(x)),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_unknown_is_never_taken_for_1(name):
    model = Does(UNKNOWN[name], a=FIRST, b=SECOND, w=nn.Bilinear(4, 4, 3).double())
    with pytest.raises(NoRuleError, match=r"layer '.+' \(.+\): .+ unbounded=True"):
        network_bounds(model, (4,))
    found = network_bounds(model, (4,), unbounded=True)
    assert found.attrs["product"] == math.inf
    assert (found.lower.values[found.upper.values == math.inf] == 0).all()
    assert found.method.values[int(found.upper.values.argmax())].startswith("none: ")


def test_names_the_layer_without_a_rule():
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.Hardshrink()))
    with pytest.raises(NoRuleError, match=r"layer '1\.1' \(Hardshrink\)"):
        network_bounds(model, (4,))


def aliased(m, x):
    y = m.a(x)
    z = y
    y += 1 + 0 * y
    return y + z


def overwritten(m, x):
    y = m.a(x)
    return F.relu(y, inplace=True) + y


def overwritten_in_part(m, x):
    y = m.a(x)
    return m.r(y[:, :2]) + y[:, 2:]


def overwritten_view(m, x):
    y = m.a(x)
    return y.view(-1, 4).mul_(3) + y


def hooked():
    model = nn.Sequential(FIRST, nn.Sequential(nn.ReLU()))
    model = copy.deepcopy(model)
    model[1].register_forward_hook(lambda module, inputs, output: 2 * output)
    return model


REFUSED = {
    "a choice": (Does(lambda m, x: x if x.sum() > 0 else m.a(x), a=FIRST), (4,), "torch.fx can't follow"),
    "a choice inside": (
        nn.Sequential(nn.ReLU(), Does(lambda m, x: x if x.max() > 0 else -x)),
        (4,),
        r"can't follow the forward pass of '1' \(Does\)",
    ),
    "hooks": (hooked(), (4,), "1 has forward hooks"),
    "a shape that does not fit": (nn.Sequential(FIRST), (5,), r"takes no input of shape \(5,\): 0"),
    "no shape": (nn.Sequential(FIRST), (), r"input_shape \(\)"),
    "a number that is none": (nn.Sequential(FIRST), (0,), r"input_shape \(0,\)"),
    "no model": (lambda x: x, (4,), "the model is a function"),
    "two outputs": (Does(lambda m, x: (m.a(x), x), a=FIRST), (4,), "returns a tuple"),
    "a value overwritten": (Does(overwritten, a=FIRST), (4,), "in place"),
    "a part of a value overwritten": (Does(overwritten_in_part, a=FIRST, r=nn.ELU(9.0, True)), (4,), "in place"),
    "a view overwritten": (Does(overwritten_view, a=FIRST), (4,), "in place"),
    "a buffer overwritten": (Does(lambda m, x: m.c.add_(1) + x, c=BUFFER.clone()), (4,), "tensor of the model itself"),
    "drawn numbers": (Does(lambda m, x: x + torch.randn(4)), (4,), "random"),
    "noise like the input": (Does(lambda m, x: x + torch.randn_like(x)), (4,), "random"),
    "under another name": (Does(aliased, a=FIRST), (4,), "something else than its graph"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_it_cannot_take_apart(name):
    model, shape, match = REFUSED[name]
    with pytest.raises(InputError, match=match):
        network_bounds(model, shape)


class Two(nn.Module):
    def forward(self, x, y):
        return x + y


def test_refuses_two_inputs_and_numbers_that_are_not_finite():
    with pytest.raises(InputError, match="'y' beside its input"):
        network_bounds(Two(), (4,))
    broken = copy.deepcopy(FIRST)
    broken.weight.data[0, 0] = math.nan
    with pytest.raises(InputError, match=r"finite|NaN"):
        network_bounds(nn.Sequential(broken), (4,))


def test_a_layer_without_weights_alone():
    assert product(nn.MaxPool2d(3, 2), (1, 7, 7)) == pytest.approx(2)
    assert product(nn.Sequential(), (4,)) == 1
    assert product(nn.Sequential(nn.Linear(4, 4), nn.Identity()).requires_grad_(False), (4,)) > 0
