import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blindspots.errors import InputError
from blindspots.spectral.graph.graph import trace
from blindspots.spectral.network import network_bounds
from blindspots.spectral.proof.certificate import certified_radius
from tests.blindspots.spectral.graph.models import FIRST, Does, drawn, norm, product, weighed


def under_two_names(m, x):
    """What no random image in [0, 1] is likely to show: nothing happens below 0.975."""
    h = m.a(x)
    g = h
    g -= 40 * F.relu(h - 0.975)
    return m.b(h + g)


def the_input_itself(m, x):
    y = x
    y -= 10 * F.relu(x - 1)
    return x + y


def a_view(m, x):
    h = m.a(x)
    h[:, :2].mul_(0)
    g = h.mT
    g *= 1 + F.relu(h.sum() - 1e6)
    return h


def two_names():
    model = Does(under_two_names, a=nn.Linear(1, 1), b=nn.Linear(1, 2))
    return weighed(model, a=([[1.0]], [0.0]), b=([[0.0], [1.0]], [0.0, -0.5]))


@pytest.mark.parametrize(
    ("model", "shape"), [(two_names(), (1,)), (Does(the_input_itself), (1,)), (Does(a_view, a=FIRST), (3, 4))]
)
def test_what_changes_under_another_name_is_refused(model, shape):
    with pytest.raises(InputError, match=r"changes its input in place, which '\w+' hands on to later layers too"):
        network_bounds(model, shape)


@pytest.mark.parametrize("method", ["auto", "relaxation", "exact"])
def test_no_radius_of_it_is_given(method):
    with pytest.raises(InputError, match="in place"):
        certified_radius(two_names(), torch.tensor([[0.9]]), torch.tensor([1]), method=method)


def test_what_the_pass_makes_and_changes_is_refused():
    def summed(m, x):
        total = torch.zeros(2, 4, dtype=x.dtype)
        other = total
        total += m.a(x)
        return other + x

    with pytest.raises(InputError, match="iadd changes a tensor of the model itself"):
        network_bounds(Does(summed, a=FIRST), (4,), unbounded=True)


class Block(nn.Module):
    """A residual network as most are written."""

    def __init__(self):
        super().__init__()
        self.a, self.norm, self.short = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        x -= 0.1
        x /= 0.5
        identity = self.short(x)
        out = self.norm(self.a(x))
        out += identity
        out = self.relu(out)
        out *= 0.25
        identity = out
        out = self.a(out)
        out += identity
        return out.flatten(1)


class Plain(Block):
    """The same function without anything in place."""

    def forward(self, x):
        x = (x - 0.1) / 0.5
        out = F.relu(self.norm(self.a(x)) + self.short(x)) * 0.25
        return (self.a(out) + out).flatten(1)


def test_a_residual_network_that_adds_in_place_has_the_bounds_of_one_that_does_not():
    model, plain = drawn(Block()).eval(), Plain().eval()
    plain.load_state_dict(model.state_dict())
    assert product(model, (2, 4, 4)) == product(plain, (2, 4, 4))
    images = torch.rand(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = plain(images).argmax(1)
    found, wanted = (certified_radius(m, images, labels) for m in (model, plain))
    assert found.method == wanted.method == "relaxation"
    assert (wanted.radius > 0).all()
    torch.testing.assert_close(found.radius, wanted.radius)


def test_sizes_and_sums_that_start_at_nothing():
    def forward(m, x):
        half = x.shape[1]
        half //= 2
        shape = x.shape[:1]
        shape += (half, -1)
        total = 0
        for _ in range(3):
            total += m.a(x)
        return total.reshape(shape).flatten(1)

    assert product(Does(forward, a=FIRST)) == pytest.approx(3 * norm(FIRST))


def test_what_was_overwritten_counts_among_the_values_on_the_way():
    def forward(m, x):
        h = m.a(x)
        h += 1e6
        h -= 1e6
        return h

    assert trace(Does(forward, a=FIRST), (4,)).largest > 0.9e6


def test_a_first_step_may_overwrite_the_input():
    def normalised(m, x):
        return m.a(x.sub_(0.5).div_(0.25).reshape(x.shape[0], -1))

    assert product(Does(normalised, a=FIRST)) == pytest.approx(4 * norm(FIRST))
    assert product(nn.Sequential(nn.Hardswish(inplace=True), FIRST)) > norm(FIRST)
