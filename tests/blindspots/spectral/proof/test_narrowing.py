import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blindspots.spectral.proof.closest_points import lead_and_gradient
from blindspots.spectral.proof.curvature import Frame, curvature
from blindspots.spectral.proof.narrowing import ellipsoids, narrowed
from blindspots.spectral.proof.reach import Ball, reach
from blindspots.spectral.proof.sigmoid_network import sigmoid_network
from tests.blindspots.spectral.proof.networks import DEPTHS, around, drawn, images


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
