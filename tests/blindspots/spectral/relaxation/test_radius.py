import pytest
import torch
from torch import nn

from blindspots.spectral.proof.certificate import certified_radius
from blindspots.spectral.relaxation import branching, radius
from blindspots.spectral.relaxation.branching import Branching
from blindspots.spectral.relaxation.misread import Misread
from blindspots.spectral.relaxation.radius import relaxed_radii
from tests.blindspots.spectral.relaxation.networks import balanced, dense, distances, grid, read, residual

CASES = {
    "one input": (dense(0, (1, 6, 6, 3)), 1, 20001),
    "two inputs": (dense(1, (2, 8, 8, 3)), 2, 301),
    "leaky": (dense(2, (2, 8, 8, 3), bend=lambda: nn.LeakyReLU(-0.3)), 2, 301),
    "residual": (residual(3), 3, 61),
}


@pytest.mark.parametrize("name", CASES)
def test_no_point_of_a_grid_is_misread_within_and_branches_close_the_gap(name):
    model, axes, points = CASES[name]
    every = grid(axes, points)
    model = balanced(model, every)
    images = torch.rand(6, axes, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    labels, network = model(images).argmax(1), read(model, (axes,))
    truth = distances(model, images, labels, every)
    plain = relaxed_radii(network, images, labels)
    whole = relaxed_radii(network, images, labels, branching=Branching(2000))
    for shown in (plain, whole):
        assert (shown.proved <= truth).all()
        assert (shown.proved <= shown.found).all()
        assert (shown.proved > 0).all()
    assert (whole.proved >= plain.proved).all()
    apart = axes**0.5 / (points - 1)
    near = truth.isfinite()
    assert near.sum() >= 3
    # the grid's nearest point is no farther than its spacing from the nearest there is
    assert (whole.proved >= whole.found * (1 - 2e-4)).all()
    assert (whole.found[near] <= truth[near]).all() or (whole.found[near] <= truth[near] + apart).all()
    assert (whole.proved[near] >= truth[near] - 2 * apart).all()
    assert (plain.proved / whole.proved).min() > 0.3


@pytest.mark.parametrize("name", ["two inputs", "leaky"])
def test_holds_where_no_misread_image_was_found(name, monkeypatch):
    def nothing(network, box, rows, floor, start, *, steps):
        return Misread(torch.full_like(floor, torch.inf), torch.zeros_like(start))

    monkeypatch.setattr(radius, "descended", nothing)
    monkeypatch.setattr(branching, "descended", nothing)
    model, axes, points = CASES[name]
    every = grid(axes, points)
    model = balanced(model, every)
    images = torch.rand(6, axes, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    labels, network = model(images).argmax(1), read(model, (axes,))
    truth = distances(model, images, labels, every)
    for how in (None, Branching(60)):
        shown = relaxed_radii(network, images, labels, branching=how)
        assert shown.found.isinf().all()
        assert (shown.proved <= truth).all()
        assert (shown.proved[truth.isfinite()] > 0.2 * truth[truth.isfinite()]).all()


def test_an_image_that_is_misread_has_none_and_a_dtypes_rounding_counts():
    every = grid(2, 101)
    model = balanced(dense(1, (2, 8, 3)), every)
    images = torch.rand(4, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    labels, network = model(images).argmax(1), read(model, (2,))
    free = relaxed_radii(network, images, labels)
    assert relaxed_radii(network, images, (labels + 1) % 3).proved.tolist() == [0] * 4
    assert (free.off == 0).all()
    held = relaxed_radii(network, images, labels, dtype=torch.float32)
    assert (held.off > 0).all()
    assert (held.proved < free.proved).all()
    assert (held.proved > free.proved * 0.999).all()
    coarse = relaxed_radii(network, images, labels, dtype=torch.bfloat16)
    assert (coarse.proved < held.proved * 0.99).all()


def test_nothing_is_misread_in_the_whole_box():
    model = dense(1, (2, 8, 3))
    with torch.no_grad():
        model[-1].bias.copy_(torch.tensor([0.0, 1e3, 0.0]))
    images = torch.rand(3, 2, dtype=torch.float64)
    shown = relaxed_radii(read(model, (2,)), images, torch.ones(3, dtype=torch.int64))
    assert shown.proved.tolist() == [torch.inf] * 3
    assert shown.found.tolist() == [torch.inf] * 3


def test_rounding_that_a_large_ball_allows_takes_nothing_off_in_a_small_one():
    """In the ball of the nearest misread image rounding may be more than a lead; there nothing could be proved."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.Conv2d(16, 16, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(256, 24), nn.ReLU(), nn.Linear(24, 3)),
    )
    with torch.no_grad():
        for values in model.parameters():
            values.mul_(3)
    images = torch.rand(6, 1, 8, 8)[1:2]
    held = certified_radius(model, images, model(images).argmax(1), method="relaxation", arithmetic="own")
    free = certified_radius(model, images, model(images).argmax(1), method="relaxation")
    assert 0.4 * free.radius < held.radius < free.radius


def test_the_rounding_of_the_logits_is_that_of_the_image_itself():
    """It is what the model itself is held against: not what the whole ball would allow, and never nothing."""
    for axes in (1, 2):
        model = dense(1, (axes, 8, 3)).float()
        images = torch.rand(5, axes, generator=torch.Generator().manual_seed(2)).double()
        logits = model(images.float()).double()
        shown = relaxed_radii(read(model, (axes,)), images, logits.argmax(1), dtype=torch.float32)
        assert ((logits - model.double()(images)).abs() <= shown.off).all()
        assert (shown.off < 1e-5).all()
