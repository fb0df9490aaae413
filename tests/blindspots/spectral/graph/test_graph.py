import copy
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import fx, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from blindspots.errors import InputError
from blindspots.spectral.graph.graph import trace
from blindspots.spectral.network import network_bounds
from tests.blindspots.spectral.graph.models import Does, drawn, matrix, norm


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


class Frozen(nn.BatchNorm1d):
    """One that goes on by the batch's own statistics, whatever mode it is set to."""

    def train(self, mode=True):
        return super().train(True)


@pytest.mark.parametrize(
    ("what", "match"),
    [
        (lambda m, x: m.n(m.a(x)), "n stays in training mode"),
        (lambda m, x: m.a(x / x.shape[0]), "otherwise in another batch"),
        (lambda m, x: m.a(x) * (2.0 / x.size(0)), "otherwise in another batch"),
        (lambda m, x: m.a(x) * (x.size(0) // 3 + 1), "otherwise in another batch"),
        (lambda m, x: m.a((x * 1e12) * ((1 + x.size(0)) * 1e-12)), "otherwise in another batch"),
        (lambda m, x: m.a(x) * m.c[: x.size(0)], "another for each image of a batch"),
        (lambda m, x: m.a(x) + m.c[: x.size(0)], "another for each image of a batch"),
        (lambda m, x: torch.cat([m.a(x), m.c[: x.size(0)]], 1), "another for each image of a batch"),
        (lambda m, x: m.a(x).clamp(max=m.c[: x.size(0)]), "another for each image of a batch"),
    ],
)
def test_what_no_function_of_one_image_is_refused(what, match):
    parts = {"n": Frozen(4).double()} if match.startswith("n ") else {}
    model = Does(what, a=matrix(4, 4), c=torch.arange(1.0, 9.0, dtype=torch.float64)[:, None], **parts)
    with pytest.raises(InputError, match=match):
        network_bounds(model, (4,))


class CalledTwice(Does):
    def __call__(self, x):
        return super().__call__(super().__call__(x))


def test_a_call_that_is_not_the_classs_forward_pass_is_followed_itself():
    first = matrix(4, 4)
    model = Does(lambda m, x: m.a(x), a=first)
    once = network_bounds(model, (4,))
    model.forward = types.MethodType(lambda self, x: 3 * type(self).forward(self, x), model)
    assert network_bounds(model, (4,)).attrs["product"] == pytest.approx(3 * once.attrs["product"])
    twice = network_bounds(CalledTwice(lambda m, x: m.a(x), a=first), (4,))
    assert twice.attrs["product"] == pytest.approx(once.attrs["product"] ** 2)
    # a module of torch.fx's own has a call that does nothing else
    followed = network_bounds(fx.symbolic_trace(Does(lambda m, x: m.a(x), a=first)), (4,))
    assert followed.layer.values.tolist() == once.layer.values.tolist() == ["a"]


class Cast(nn.Module):
    """Computes in fewer bits, by a context that torch.fx does not see."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 3)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.a(x)


def test_what_the_graph_does_not_have_is_refused():
    with pytest.raises(InputError, match="autocast"):
        network_bounds(Cast(), (4,))
    handle = nn.modules.module.register_module_forward_hook(lambda module, inputs, outputs: None)
    try:
        with pytest.raises(InputError, match="global forward hooks"):
            network_bounds(nn.Linear(4, 3), (4,))
    finally:
        handle.remove()


def test_a_constant_that_the_dtype_decides_is_that_of_the_models_own():
    def product(dtype):
        model = Does(lambda m, x: m.n(x) * F.rms_norm(m.c.expand(2, 4), (4,)), c=torch.ones(1), n=nn.RMSNorm(4))
        return network_bounds(model.to(dtype), (4,)).attrs["product"]

    assert product(torch.float32) == pytest.approx(2**11.5, rel=1e-3)
    assert product(torch.float64) == pytest.approx(2**26, rel=1e-3)
    bare = Does(lambda m, x: F.rms_norm(m.a(x), (4,)), a=nn.Linear(4, 4))
    assert network_bounds(bare, (4,)).upper.values[1] == pytest.approx(2**11.5)
    assert network_bounds(bare.double(), (4,)).upper.values[1] == pytest.approx(2**26)


def test_what_is_made_for_a_batch_of_any_size_is_no_part_of_it():
    token = Does(lambda m, x: torch.cat([m.c.expand(x.shape[0], -1), m.a(x)], 1), a=matrix(4, 4), c=torch.ones(1, 3))
    graph = trace(token.double(), (4,))
    assert network_bounds(token, (4,)).attrs["product"] == pytest.approx(norm(token.a))
    images = torch.rand(2, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    torch.testing.assert_close(graph.of_two(images), token(images))


class Leaving(nn.Module):
    """Makes a tensor as it goes, and keeps another one, and what comes out."""

    def __init__(self):
        super().__init__()
        self.a, self.inner, self.fixed = nn.Linear(3, 2), Does(lambda m, x: x + torch.ones(2), b=None), torch.ones(2)

    def forward(self, x):
        self.inner.last = self.inner(self.a(x) * self.fixed)
        return self.inner.last - torch.tensor([25.0, 0.0])


def left(model, call):
    """Return the attributes that ``call`` leaves in a model and its parts."""
    before = [set(vars(module)) for module in model.modules()]
    call(model)
    return [set(vars(module)) - own for module, own in zip(model.modules(), before, strict=True)]


def test_nothing_is_left_in_the_model_that_a_call_of_it_does_not_leave():
    for model in (Leaving(), fx.symbolic_trace(Leaving())):
        model(torch.rand(2, 3))
        assert not any(left(model, lambda m: network_bounds(m, (3,))))
        assert network_bounds(model, (3,)).attrs["product"] == pytest.approx(norm(model.a), rel=1e-6)
        images = torch.rand(2, 3)
        torch.testing.assert_close(trace(model, (3,)).of_two(images), model(images))

    def refused(model):
        with pytest.raises(InputError):
            network_bounds(model, (4,))

    assert not any(left(Leaving(), refused))
    assert isinstance(model(images), torch.Tensor)


def test_what_all_but_cancels_is_the_same_in_another_batch():
    """What is left is rounding alone, which may be another in another batch."""
    model = Does(lambda m, x: F.linear(x, m.w) - (x[:, None] * m.w).sum(2) * (x.shape[1] / 1000), w=None)
    model.w = nn.Parameter(torch.rand(16, 1000, generator=torch.Generator().manual_seed(1)))
    assert network_bounds(model, (1000,)).attrs["product"] > 0


def test_threads_are_followed_and_evaluated_beside_one_another():
    """torch.fx takes the place of every module's call, in all threads, as long as it follows one."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    image = torch.rand(2, 1, 2, 2)
    expected = model(image)
    steps = len(trace(model, (1, 2, 2)).steps)

    def followed(_: int) -> int:
        return len(trace(model, (1, 2, 2)).steps)

    def evaluated(_: int) -> bool:
        return torch.equal(model(image), expected)

    with ThreadPoolExecutor(4) as threads:
        graphs, logits, others = (
            threads.map(work, range(times)) for work, times in ((followed, 100), (evaluated, 2000), (followed, 100))
        )
        assert (set(graphs), set(logits), set(others)) == ({steps}, {True}, {steps})
