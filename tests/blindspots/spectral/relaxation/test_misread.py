import torch

from blindspots.distortion.search import minimum_distortion
from blindspots.spectral.relaxation.ball import Box
from blindspots.spectral.relaxation.misread import Misread, descended, drawn_in, lead_and_gradient, leads
from blindspots.spectral.relaxation.pieces import lead_rows, others
from tests.blindspots.spectral.relaxation.networks import balanced, dense, read


def test_finds_misread_images_about_as_near_as_the_search_does():
    points = torch.rand(500, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = balanced(dense(4, (8, 20, 20, 3)), points)
    images, network = points[:20], read(model, (8,))
    labels = model(images).argmax(1)
    near, none = [], torch.zeros(len(images), dtype=torch.float64)
    for rival in others(labels, 3).T:
        rows, box = lead_rows(labels, rival, 3), Box.around(images)
        found = descended(network, box, rows, none, torch.zeros_like(images), steps=32)
        there = found.distance.isfinite()
        after = images + found.change
        assert (after >= 0).all()
        assert (after <= 1).all()
        assert (leads(network, box, rows, found.change)[there] <= 0).all()
        torch.testing.assert_close(found.change.norm(dim=1)[there], found.distance[there])
        near.append(found.distance)
    # where leads are not above some floor is nearer
    raised = descended(network, box, rows, none + 0.1, torch.zeros_like(images), steps=32)
    assert (raised.distance <= found.distance).double().mean() > 0.9
    known = minimum_distortion(model, images, labels).l2
    assert (torch.stack(near).amin(0) / known).median() < 1.05


def test_gradients_and_drawing_in():
    network = read(dense(4, (3, 6, 3)), (3,))
    box = Box.around(torch.full((1, 3), 0.5, dtype=torch.float64))
    rows = lead_rows(torch.tensor([0]), torch.tensor([1]), 3)
    change = torch.tensor([[0.1, -0.2, 0.3]], dtype=torch.float64)
    value, gradient = lead_and_gradient(network, box, rows, change)
    none = torch.zeros(1, dtype=torch.float64)
    step = 1e-6 * torch.eye(3, dtype=torch.float64)
    for axis in range(3):
        slope = (leads(network, box, rows, change + step[axis]) - value) / 1e-6
        assert abs(float(slope - gradient[0, axis])) < 1e-4
    way = -torch.sign(value) * 0.5 * gradient.sign()
    ends = leads(network, box, rows, way), leads(network, box, rows, 0 * way)
    if float(ends[0]) <= 0 < float(ends[1]):
        near = drawn_in(network, box, rows, none, Misread(way.norm(dim=1), way))
        assert abs(float(leads(network, box, rows, near.change))) < 1e-6
    without = drawn_in(network, box, rows, none, Misread(torch.full((1,), torch.inf), way))
    assert without.distance.tolist() == [torch.inf]


def test_the_nearer_of_two():
    one = Misread(torch.tensor([1.0, torch.inf]), torch.tensor([[1.0], [0.0]]))
    other = Misread(torch.tensor([2.0, 3.0]), torch.tensor([[2.0], [3.0]]))
    both = one.or_nearer(other)
    assert both.distance.tolist() == [1, 3]
    assert both.change.tolist() == [[1], [3]]
