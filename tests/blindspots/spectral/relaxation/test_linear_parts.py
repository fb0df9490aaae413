from dataclasses import replace

import pytest
import torch

from blindspots.spectral.relaxation import linear_parts
from blindspots.spectral.relaxation.ball import Box
from blindspots.spectral.relaxation.linear_parts import with_best_multipliers
from blindspots.spectral.relaxation.pieces import lead_rows
from blindspots.spectral.relaxation.slopes import begun, proved
from tests.blindspots.spectral.relaxation.networks import dense, grid, read

NONE, REACH = torch.zeros(1, dtype=torch.float64), torch.full((1,), 2.0, dtype=torch.float64)


def split(network, image, rival, pattern):
    """The part of the box in which each rectifier has the sign that a pattern says, with the lead over a rival."""
    place = network.rectifiers[0]
    sign = torch.tensor([pattern], dtype=torch.float64)
    wide = torch.full_like(sign, 10.0)
    known = {place: (torch.where(sign > 0, 0, -wide), torch.where(sign > 0, wide, 0))}
    rows = lead_rows(torch.tensor([0]), torch.tensor([rival]), 3)
    return replace(begun(Box.around(image), rows, known), splits={place: sign})


@pytest.mark.parametrize("rival", [1, 2])
def test_the_nearest_point_of_every_linear_piece(rival):
    model, image = dense(11, (2, 3, 3)), torch.tensor([[0.4, 0.7]], dtype=torch.float64)
    logits = model(image)[0].detach()
    model[2].bias.data.add_(logits[0] - logits - torch.tensor([0.0, 0.2, 0.2]))  # the first class leads by 0.2
    network, points = read(model, (2,)), grid(2, 401)
    values = network.values(points)
    far = (points - image).norm(dim=1)
    seen = 0
    for code in range(8):
        pattern = [1.0 if code >> bit & 1 else -1.0 for bit in range(3)]
        parts = split(network, image, rival, pattern)
        best, change = with_best_multipliers(network, parts, NONE)
        shown = proved(network, best, REACH, steps=0, allowance=NONE)
        inside = (values[1] * torch.tensor(pattern, dtype=torch.float64) >= 0).all(1)
        lead = values[-1][:, 0] - values[-1][:, rival]
        there = far[inside & (lead <= 0)]
        if not len(there):
            continue
        seen += 1
        assert float(shown.distance) <= float(there.min())
        assert float(shown.distance) >= float(there.min()) - 0.01
        assert float(change.norm()) == pytest.approx(float(shown.distance), rel=1e-5)
    assert seen >= 2


def test_a_piece_that_holds_no_such_image_is_shown_to_hold_none():
    model = dense(11, (2, 3, 3))
    model[0].weight.data.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]))
    model[0].bias.data.copy_(torch.tensor([-0.6, 0.4, 0.0]))  # the first two are never on together
    network = read(model, (2,))
    parts = split(network, torch.tensor([[0.2, 0.5]], dtype=torch.float64), 1, [1.0, 1.0, 1.0])
    best, _ = with_best_multipliers(network, parts, NONE)
    assert proved(network, best, REACH, steps=0, allowance=NONE).distance.tolist() == [torch.inf]


def test_programs_that_are_too_large_are_left(monkeypatch):
    network = read(dense(11, (2, 3, 3)), (2,))
    parts = split(network, torch.tensor([[0.4, 0.7]], dtype=torch.float64), 1, [1.0, 1.0, -1.0])
    monkeypatch.setattr(linear_parts, "_ROWS", 4)
    best, change = with_best_multipliers(network, parts, NONE)
    assert torch.equal(best.multipliers[network.rectifiers[0]], parts.multipliers[network.rectifiers[0]])
    assert change.tolist() == [[0, 0]]
