from dataclasses import replace

import pytest
import torch

from blindspots.spectral.relaxation.ball import Box
from blindspots.spectral.relaxation.branching import at_images
from blindspots.spectral.relaxation.pieces import lead_rows
from blindspots.spectral.relaxation.ranges import Forms, ranges
from blindspots.spectral.relaxation.slopes import Ascent, Parts, begun, proved
from tests.blindspots.spectral.relaxation.networks import dense, read


def parts_of(network, images, radius):
    box = Box.around(images)
    reach = torch.full((len(images),), radius, dtype=torch.float64)
    known = ranges(network, Forms(network), box, reach)
    logits = network.logits(images)
    first, second = logits.topk(2, dim=1).indices.T
    rows = lead_rows(first, second, logits.shape[1])
    return begun(box, rows, at_images(known, torch.arange(len(images)))), reach


def test_slopes_that_are_looked_for_prove_more_and_hold():
    network = read(dense(5, (6, 12, 12, 3)), (6,))
    images = torch.rand(5, 6, dtype=torch.float64)
    parts, reach = parts_of(network, images, 0.3)
    none = torch.zeros(5, dtype=torch.float64)
    plain = proved(network, parts, reach, steps=0, allowance=none - 5)  # not done at once where a lead holds
    better = proved(network, parts, reach, steps=20, allowance=none + 5)
    assert (better.least + 10 >= plain.least - 1e-9).all()
    assert ((better.least + 10) > plain.least + 1e-4).any()
    shown = proved(network, parts, reach, steps=20, allowance=none)
    points = torch.randn(2000, 5, 6, dtype=torch.float64)
    points = (images + 0.3 * points / points.norm(dim=2, keepdim=True)).clamp(0, 1)
    leads = (network.logits(points.flatten(0, 1)).reshape(2000, 5, 3) * parts.rows).sum(2)
    assert (leads >= shown.least).all()
    far = (points - images).norm(dim=2)
    assert (far >= shown.distance - 1e-9)[leads <= 0].all()
    # what is allowed for rounding is taken off
    assert (proved(network, parts, reach, steps=0, allowance=none + 0.1).least < plain.least - 4.9).all()


def test_multipliers_lower_no_lead_where_the_split_holds():
    network = read(dense(6, (2, 5, 3)), (2,))
    images = torch.rand(1, 2, dtype=torch.float64)
    parts, reach = parts_of(network, images, 0.5)
    place = network.rectifiers[0]
    low, high = parts.ranges[place]
    unit = int(torch.where((low < 0) & (high > 0), torch.minimum(-low, high), 0).argmax())
    points = (images + 0.5 * torch.randn(4000, 2, dtype=torch.float64)).clamp(0, 1)
    points = points[(points - images).norm(dim=1) <= 0.5]
    values = network.values(points)
    inputs, leads = values[1][:, unit], (values[-1] * parts.rows).sum(1)
    for sign in (1.0, -1.0):
        splits = {place: parts.splits[place].clone()}
        splits[place][0, unit] = sign
        bounds = {place: (low.clone(), high.clone())}
        bounds[place][0 if sign > 0 else 1][0, unit] = 0
        half = Parts(parts.box, parts.rows, bounds, splits, parts.slopes, parts.multipliers)
        shown = proved(network, half, reach, steps=60, allowance=torch.full((1,), 5.0, dtype=torch.float64))
        assert (shown.parts.multipliers[place] >= 0).all()
        assert (leads[sign * inputs >= 0] >= float(shown.least) + 5).all()


def test_what_rounding_may_come_to_is_taken_off():
    network, other = read(dense(5, (6, 12, 12, 3)), (6,)), read(dense(5, (6, 12, 12, 3)), (6,))
    other.__dict__["share"] = 1e-3  # as if float64 had few digits
    images = torch.rand(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parts, reach = parts_of(network, images, 0.3)
    none = torch.zeros(4, dtype=torch.float64)
    # to where the lead is a little more than the least within the ball
    level = proved(network, parts, reach, steps=0, allowance=none).least + 0.01
    fine, coarse = (proved(each, parts, reach, steps=0, allowance=level) for each in (network, other))
    assert fine.distance.isfinite().all()
    assert (coarse.distance < fine.distance).all()
    place = network.rectifiers[0]
    splits = {**parts.splits, place: torch.ones_like(parts.splits[place])}
    parts = replace(parts, splits=splits, multipliers={**parts.multipliers, place: 0.1 * splits[place]})
    fine, coarse = (proved(each, parts, reach, steps=0, allowance=none) for each in (network, other))
    # of the lead, and of each multiple that was added
    sizes = parts.rows.abs() @ other.sizes[-1][0] + 0.1 * other.sizes[network.nodes[place].inputs[0]].sum()
    torch.testing.assert_close(fine.least - coarse.least, 1e-3 * sizes, rtol=1e-6, atol=1e-9)


def test_parts_are_taken_and_put_together():
    network = read(dense(5, (6, 12, 3)), (6,))
    parts, _ = parts_of(network, torch.rand(4, 6, dtype=torch.float64), 0.3)
    again = Parts.joined([parts.at(torch.tensor([2, 3])), parts.at(torch.tensor([0]))])
    assert torch.equal(again.rows, parts.rows[[2, 3, 0]])
    assert torch.equal(again.box.high, parts.box.high[[2, 3, 0]])
    place = network.rectifiers[0]
    assert torch.equal(again.ranges[place][1], parts.ranges[place][1][[2, 3, 0]])
    assert torch.equal(again.slopes[place], parts.slopes[place][[2, 3, 0]])


def test_goes_up_to_the_top_within_limits():
    top = torch.tensor([0.3, 2.0, -1.0], dtype=torch.float64)
    values, idle = torch.zeros(3, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for each in (values, idle):
        each.requires_grad_(True)
    ascent = Ascent([values, idle], scales=[1.0, 1.0], most=[1.0, 1.0], steps=150)
    for _ in range(150):
        ascent.step(-(values - top).square())
    assert values.detach().tolist() == pytest.approx([0.3, 1.0, 0.0], abs=1e-3)
    assert idle.tolist() == [0, 0]


def test_moves_in_the_units_that_it_is_given():
    one, large = (torch.zeros(1, dtype=torch.float64).requires_grad_(True) for _ in range(2))
    Ascent([one], scales=[1.0], most=[torch.inf], steps=5).step(one)
    Ascent([large], scales=[torch.tensor([100.0])], most=[torch.inf], steps=5).step(large)
    assert float(large.detach()) == pytest.approx(100 * float(one.detach()))
    assert float(one.detach()) > 0
