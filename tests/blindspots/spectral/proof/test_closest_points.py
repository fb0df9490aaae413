import pytest
import torch

from blindspots.spectral.proof.closest_points import closest_points, lead_and_gradient
from blindspots.spectral.proof.sigmoid_network import SigmoidNetwork, sigmoid_network
from tests.blindspots.spectral.proof.networks import around, drawn, images

LEAD = torch.tensor([[1.0, -1.0]], dtype=torch.float64)


def linear(*rows):
    """A network without a hidden layer whose lead of the first class is ``rows`` [0] times the image, less 1."""
    weight = torch.tensor([*rows, [0.0] * len(rows[0])], dtype=torch.float64)
    return SigmoidNetwork((weight,), (torch.tensor([-1.0, 0.0], dtype=torch.float64),))


def look(network, image, radius, *, boundary, steps=30):
    lead = LEAD if network.biases[-1].numel() == 2 else torch.tensor([[1.0, -1.0, 0.0]], dtype=torch.float64)
    return closest_points(
        network,
        image,
        lead,
        torch.tensor([radius], dtype=torch.float64),
        start=torch.zeros_like(image),
        steps=steps,
        boundary=boundary,
    )


def test_the_least_lead_of_a_linear_network_is_straight_down_to_the_ball():
    image = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    found = look(linear([3.0, 4.0]), image, 0.25, boundary=False)
    assert found.change[0].tolist() == pytest.approx([-0.15, -0.2])
    assert float(found.multiplier) == pytest.approx(5 / 0.25)  # eta * change = -gradient


def test_the_boundary_is_where_it_stops_if_that_is_nearer():
    image = torch.tensor([[0.5, 0.5]], dtype=torch.float64)  # a lead of 2.5, 0.5 from the boundary
    found = look(linear([3.0, 4.0]), image, 2.0, boundary=True)
    assert found.change[0].tolist() == pytest.approx([-0.3, -0.4])


def test_the_box_holds_values_back_and_the_others_go_farther():
    image = torch.tensor([[0.1, 0.9]], dtype=torch.float64)
    found = look(linear([3.0, 4.0]), image, 0.5, boundary=False)
    assert found.change[0].tolist() == pytest.approx([-0.1, -(0.24**0.5)], rel=1e-6)


def test_no_point_of_the_ball_around_has_a_lower_lead():
    network = sigmoid_network(drawn((5, 6, 3), 4))
    image, radius = images(1, 5, 4), 0.3
    found = look(network, image, radius, boundary=False)
    lead = torch.tensor([[1.0, -1.0, 0.0]], dtype=torch.float64)
    _, least = lead_and_gradient(network, image + found.change, lead)
    points = around(image[0], radius, 4)
    _, leads = lead_and_gradient(network, points, lead.expand(len(points), -1))
    assert float(found.change.norm()) <= radius * (1 + 1e-6)
    assert float(least) <= float(leads.min()) + 1e-6
