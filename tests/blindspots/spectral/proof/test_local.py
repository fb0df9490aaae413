import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from blindspots.distortion.search import minimum_distortion
from blindspots.spectral.proof.closest_points import lead_and_gradient
from blindspots.spectral.proof.curvature import Frame, _least, curvature, sigmoid_ranges
from blindspots.spectral.proof.local import local_radius
from blindspots.spectral.proof.narrowing import ellipsoids, narrowed
from blindspots.spectral.proof.reach import Ball, reach
from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork, sigmoid_network

DEPTHS = st.sampled_from([(), (6,), (7, 5), (6, 5, 4)])


def drawn(sizes, seed, *, scale=3.0, activation=nn.Sigmoid):
    """A fully connected model whose weights are large enough to bend."""
    random = torch.Generator().manual_seed(seed)
    layers = []
    for inputs, outputs in pairwise(sizes):
        layer = nn.Linear(inputs, outputs).double()
        with torch.no_grad():
            layer.weight.copy_(scale * torch.randn(outputs, inputs, generator=random) / inputs**0.5)
            middle = 0.5 if activation is nn.Sigmoid or not layers else 0.0
            layer.bias.copy_(0.2 * torch.randn(outputs, generator=random) - middle * layer.weight.sum(dim=1))
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


def images(count, size, seed):
    """Some with values at the borders of the box."""
    random = torch.Generator().manual_seed(seed)
    return (1.4 * torch.rand(count, size, generator=random, dtype=torch.float64) - 0.2).clamp(0, 1)


def around(centre, radius, seed, count=4000):
    """Points of the box within ``radius`` of ``centre`` (m,), many of them at that very distance."""
    random = torch.Generator().manual_seed(seed)
    away = torch.randn(count, len(centre), generator=random, dtype=torch.float64)
    away = away * (torch.rand(count, len(centre), generator=random) < 0.6)
    away = away / away.norm(dim=1, keepdim=True).clamp_min(1e-9)
    far = radius * torch.rand(count, 1, generator=random, dtype=torch.float64) ** (1 / 8)
    moved = (centre + far * away).clamp(0, 1)
    # what the box held back is made up for, where it can be
    rest = (centre + (moved - centre) * (far / (moved - centre).norm(dim=1, keepdim=True).clamp_min(1e-9))).clamp(0, 1)
    return torch.where((rest - centre).norm(dim=1, keepdim=True) <= radius, rest, moved)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), radius=st.floats(0.05, 2))
def test_nothing_in_the_ball_reaches_farther(seed, radius):
    centre = images(1, 5, seed)
    ball = Ball(centre, torch.tensor([radius], dtype=torch.float64))
    directions = torch.randn(20, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    bound = ball.largest(directions[None])[0]
    points = around(centre[0], radius, seed) - centre[0]
    reached = (points @ directions.T).amax(dim=0)
    assert (reached <= bound).all()
    assert (bound <= radius * directions.norm(dim=1) * (1 + 1e-8)).all()
    whole = torch.maximum(directions * ball.low, directions * ball.high).sum(dim=1)
    assert (reached >= 0.75 * torch.minimum(whole, bound) - 1e-9).all()


def test_the_box_holds_back():
    ball = Ball(torch.tensor([[0.0, 1.0, 0.5]], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64))
    directions = torch.tensor([[[-3.0, 4, 0], [3, -4, 0], [0, 4, 3], [-1, 0, 0]]], dtype=torch.float64)
    assert ball.largest(directions)[0].tolist() == pytest.approx([0, 2.5, 1.5, 0], abs=1e-8)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), depth=DEPTHS.filter(bool), radius=st.floats(0.02, 1))
def test_no_sum_leaves_its_range(seed, depth, radius):
    network = sigmoid_network(drawn((5, *depth, 3), seed))
    centre = images(1, 5, seed)
    ranges = reach(network, Ball(centre, torch.tensor([radius], dtype=torch.float64)), network.hidden(centre))
    at = network.hidden(around(centre[0], radius, seed))
    for sums, (low, high) in zip(at, ranges, strict=True):
        assert (sums >= low).all()
        assert (sums <= high).all()
    assert len(ranges) == len(depth)


@given(point=st.floats(-8, 8), low=st.floats(-8, 8), width=st.floats(0, 9))
def test_the_ranges_of_secants_and_parabolas(point, low, width):
    p, start, end = (torch.tensor([value], dtype=torch.float64) for value in (point, low, low + width))
    (least, most), (hollow, bulge) = sigmoid_ranges(p, start, end)
    z = torch.linspace(low, low + width, 501, dtype=torch.float64)
    away = z - p
    s = torch.sigmoid(p)
    rise = torch.sigmoid(z) - s
    for slope, sign in ((least, 1), (most, -1)):
        assert (sign * (rise - slope * away) * away.sign() >= -1e-15).all()
    for bend, sign in ((hollow, 1), (bulge, -1)):
        assert (sign * (rise - s * (1 - s) * away - bend * away**2 / 2) >= -1e-15).all()
    assert (most - least) <= 0.25 + 1e-6
    assert bulge <= 0.11


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), units=st.integers(1, 6), width=st.sampled_from([0.0, 0.01, 0.2]))
def test_no_form_of_secants_is_larger(seed, units, width):
    random = torch.Generator().manual_seed(seed)
    form, after = torch.randn(2, units, units, generator=random, dtype=torch.float64)
    form = (form + form.T)[None]
    own, low = torch.rand(2, 1, units, generator=random, dtype=torch.float64) - 0.3
    high = low + width
    bound, _ = _least(form, own, (low, high), after)
    for _ in range(50):
        secant = torch.where(torch.rand(units, generator=random) < 0.5, low[0], high[0])
        whole = secant[:, None] * form[0] * secant + torch.diag(own[0])
        assert torch.linalg.eigvalsh(bound[0] - after @ whole @ after.T)[0] >= -1e-9 * float(bound.norm())


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), depth=DEPTHS, radius=st.floats(0.02, 1.5))
def test_no_lead_bends_more_and_no_misread_image_is_cut_off(seed, depth, radius):
    network = sigmoid_network(drawn((5, *depth, 3), seed))
    centre, frame = images(1, 5, seed), Frame.of(network)
    far = torch.tensor([radius], dtype=torch.float64)
    points = around(centre[0], radius, seed)
    start = points[7:8]
    lead = torch.tensor([[1.0, -1, 0]], dtype=torch.float64)
    hidden = network.hidden(start)
    ranges = reach(network, Ball(centre, far), network.hidden(centre))
    form = curvature(network, hidden, lead, ranges, frame)
    gradient, value = lead_and_gradient(network, start, lead)
    away = points - start
    _, leads = lead_and_gradient(network, points, lead.expand(len(points), -1))
    seen = away @ frame.basis.T
    parabola = value + away @ gradient[0] - ((seen @ form[0]) * seen).sum(dim=1) / 2
    assert (leads >= parabola - 1e-12).all()
    # an eta for which the point is no minimum, and all the more the allowance for that
    change, eta = start - centre, torch.tensor([0.7], dtype=torch.float64)
    off = (gradient + eta * change).norm() * (change.norm() + radius)
    goal = 0.4 * float(leads.min()) + 0.6 * float(leads.max())  # images below it count as misread
    where = ellipsoids(form, change, frame, radius=far, multiplier=eta, lead=value - off - goal)
    misread = leads <= goal
    assert not where.empty
    for sums, (low, high) in zip(
        network.hidden(points[misread]), narrowed(network, hidden, ranges, frame, where), strict=True
    ):
        assert (sums >= low).all()
        assert (sums <= high).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), depth=DEPTHS, radius=st.floats(0.05, 0.35), more=st.floats(1.2, 4))
def test_an_ellipsoid_around_a_point_inside_the_ball_keeps_what_is_lower(seed, depth, radius, more):
    network = sigmoid_network(drawn((5, *depth, 3), seed))
    centre, frame = 0.5 + 0.1 * (images(1, 5, seed) - 0.5), Frame.of(network)
    far, lead = torch.tensor([radius], dtype=torch.float64), torch.tensor([[1.0, -1, 0]], dtype=torch.float64)
    steep, _ = lead_and_gradient(network, centre, lead)
    eta, change = more * steep.norm(dim=1) / radius, torch.zeros_like(centre)
    for _ in range(30):
        gradient, value = lead_and_gradient(network, centre + change, lead)
        change = -gradient / eta[:, None]
    gradient, value = lead_and_gradient(network, centre + change, lead)
    off = (gradient + eta[:, None] * change).norm() * (change.norm() + radius)
    points = around(centre[0], radius, seed)
    _, leads = lead_and_gradient(network, points, lead.expand(len(points), -1))
    goal = float(leads.min() + 0.1 * (value - leads.min()).clamp_min(0))
    hidden = network.hidden(centre + change)
    ranges = reach(network, Ball(centre, far), network.hidden(centre))
    form = curvature(network, hidden, lead, ranges, frame)
    where = ellipsoids(form, change, frame, radius=far, multiplier=eta, lead=value - off - goal)
    assert not where.empty
    cut = narrowed(network, hidden, ranges, frame, where)
    for sums, (low, high) in zip(network.hidden(points[leads <= goal]), cut, strict=True):
        assert (sums >= low).all()
        assert (sums <= high).all()


def test_ranges_do_narrow():
    network = sigmoid_network(drawn((5, 6, 5, 3), 1, scale=1.5))
    centre, frame, far = images(1, 5, 1), Frame.of(network), torch.tensor([0.3], dtype=torch.float64)
    lead = torch.tensor([[1.0, -1, 0]], dtype=torch.float64)
    gradient, value = lead_and_gradient(network, centre, lead)
    hidden = network.hidden(centre)
    ranges = reach(network, Ball(centre, far), hidden)
    form = curvature(network, hidden, lead, ranges, frame)
    missing = value - 0.9 * 0.3 * gradient.norm()  # only what lies far down the gradient is that low
    change, eta = -0.3 * gradient / gradient.norm(), gradient.norm() / 0.3
    there = network.hidden(centre + change)
    _, value = lead_and_gradient(network, centre + change, lead)
    where = ellipsoids(form, change, frame, radius=far, multiplier=eta[None], lead=value - missing)
    for (low, high), (least, most) in zip(ranges, narrowed(network, there, ranges, frame, where), strict=True):
        assert ((most - least) / (high - low)).mean() < 0.8


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10**6),
    depth=DEPTHS,
    scale=st.sampled_from([0.5, 2.0, 5.0]),
    activation=st.sampled_from([nn.Sigmoid, nn.Tanh]),
)
def test_nothing_is_misread_within_the_radius(seed, depth, scale, activation):
    model = drawn((6, *depth, 4), seed, scale=scale, activation=activation)
    clean = images(5, 6, seed)
    labels = model(clean).argmax(dim=1)
    radii = local_radius(sigmoid_network(model), clean, labels)
    assert (radii > 0).all()
    found = minimum_distortion(model, clean, labels)
    assert (radii <= found.l2)[found.success].all()
    for image, label, radius in zip(clean, labels, radii, strict=True):
        assert (model(around(image, float(radius), seed)).argmax(dim=1) == label).all()


@pytest.mark.parametrize(("depth", "scale"), [((), 3.0), ((10,), 2.5), ((10, 8), 3.0)])
def test_is_the_distance_itself_where_the_boundary_bends_little(depth, scale):
    model = drawn((12, *depth, 4), 5, scale=scale)
    clean = images(40, 12, 5)
    labels = model(clean).argmax(dim=1)
    found = minimum_distortion(model, clean, labels)
    least = torch.where(found.exact.isnan(), found.distortion, found.exact) * 12**0.5
    ratio = (local_radius(sigmoid_network(model), clean, labels) / least)[found.success]
    assert len(ratio) > 35
    assert ratio.max() <= 1
    assert ratio.mean() > (0.9999 if not depth else 0.97)
    assert (ratio > 0.9999).double().mean() > 0.75


def test_a_linear_network_by_hand():
    model = nn.Linear(2, 2).double()
    model.load_state_dict({"weight": torch.tensor([[3.0, 4], [0, 0]]), "bias": torch.tensor([-2.5, 0])})
    network = sigmoid_network([model])
    clean = torch.tensor([[0.5, 0.5], [0.1, 0.7], [0.7, 0.0]], dtype=torch.float64)
    # 0.2 along the normal; the second one is 0.12 on the one side; the third is misread
    radii = local_radius(network, clean, torch.tensor([0, 0, 0]))
    assert radii.tolist() == pytest.approx([0.2, 0.12, 0], rel=1e-5)
    # a value at the border moves one way alone: (1, 0.1) to (1 - 0.3 / 3, 0) would leave the box
    model.load_state_dict({"weight": torch.tensor([[4.0, 3], [0, 0]]), "bias": torch.tensor([-1.0, 0])})
    corner = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert local_radius(sigmoid_network([model]), corner, torch.tensor([0])).tolist() == pytest.approx([0.75], rel=1e-5)


def test_one_hidden_unit_by_hand():
    # s(8 z - 4) > 0.8 where z > (4 + log 4) / 8, whatever the sigmoid does on the way there
    first, last = nn.Linear(2, 1).double(), nn.Linear(1, 2).double()
    first.load_state_dict({"weight": torch.tensor([[4.8, 6.4]]), "bias": torch.tensor([-4.0])})
    last.load_state_dict({"weight": torch.tensor([[-1.0], [0]]), "bias": torch.tensor([0.8, 0])})
    network = sigmoid_network([first, nn.Sigmoid(), last])
    clean = torch.tensor([[0.5, 0.25]], dtype=torch.float64)
    radius = float(local_radius(network, clean, torch.tensor([0])))
    exact = (4 + math.log(4)) / 8 - 0.5
    assert radius == pytest.approx(exact, rel=1e-5)
    assert radius < exact


def test_a_network_that_never_misreads_is_proved_for_the_whole_box():
    model = drawn((4, 5, 3), 0)
    with torch.no_grad():
        model[-1].weight.zero_()
        model[-1].bias.copy_(torch.tensor([2.0, 1, 0]))
    clean = images(3, 4, 0)
    radii = local_radius(sigmoid_network(model), clean, torch.tensor([0, 0, 1]))
    assert radii.tolist() == pytest.approx([2, 2, 0], rel=1e-5)


def test_is_the_same_in_parts(monkeypatch):
    model = drawn((6, 7, 5, 4), 3)
    clean = images(7, 6, 3)
    labels = model(clean).argmax(dim=1)
    whole = local_radius(sigmoid_network(model), clean, labels)
    monkeypatch.setattr("blindspots.spectral.proof.local._IMAGES", 2)
    torch.testing.assert_close(local_radius(sigmoid_network(model), clean, labels), whole, rtol=1e-4, atol=0)


def test_a_hyperbolic_tangent_is_a_sigmoid_in_disguise():
    model = drawn((5, 6, 4, 3), 2, activation=nn.Tanh)
    network = sigmoid_network(model)
    rows = images(9, 5, 2)
    torch.testing.assert_close(network.logits(network.hidden(rows), rows), model(rows), rtol=1e-12, atol=1e-12)


def test_what_is_a_sigmoid_network():
    first, last = nn.Linear(3, 4), nn.Linear(4, 2, bias=False)
    assert sigmoid_network([first, nn.Sigmoid(), last]) is not None
    assert not sigmoid_network([first, nn.Sigmoid(), last]).biases[1].any()
    assert sigmoid_network([first, nn.ReLU(), last]) is None
    assert sigmoid_network([first, nn.Sigmoid()]) is None
    assert sigmoid_network([nn.Sigmoid(), first]) is None
    assert sigmoid_network([first, last]) is None
    assert sigmoid_network([]) is None


def test_bounds_its_own_rounding():
    network = sigmoid_network(drawn((40, 30, 20, 5), 1, scale=4.0))
    rows = images(50, 40, 1)
    errors, gradient = network.rounding()
    lead = torch.tensor([[1.0, -1, 0, 0, 0]], dtype=torch.float64).expand(50, -1)
    # float64 against float64 in another order: twice the bound at most, and far from nothing
    weights = (network.weights[0].flip(1), *network.weights[1:])
    turned = SigmoidNetwork(weights, network.biases)
    one, other = network.hidden(rows), turned.hidden(rows.flip(1))
    for error, here, there in zip(errors, one, other, strict=False):
        assert ((here - there).abs() <= 2 * error).all()
    slopes = network.steepness(one, lead)[0] - turned.steepness(other, lead)[0].flip(1)
    assert (slopes.norm(dim=1) <= 2 * gradient).all()
    assert gradient < 1e-9
    assert all(float(error.min()) > 0 and float(error.max()) < 1e-10 for error in errors)
