"""A minibatch in parts: their gradients and objectives, summed, are the whole's."""

import pytest
import torch

from blindspots.training.layerwise.objective import Losses
from blindspots.training.layerwise.replicas import averaged, parts_of, shares_of, summed


def test_parts_are_as_even_as_they_can_be_and_hold_every_row_once() -> None:
    for rows, replicas in ((10, 1), (10, 3), (7, 7), (100, 16)):
        parts = parts_of(rows, replicas)
        assert [row for part in parts for row in range(part.start, part.stop)] == list(range(rows))
        sizes = [part.stop - part.start for part in parts]
        assert max(sizes) - min(sizes) <= 1
        assert sum(shares_of(parts)) == pytest.approx(1)
    for replicas in (0, 11):
        with pytest.raises(ValueError, match=f"{replicas} replicas for 10 inputs"):
            parts_of(10, replicas)


def test_means_of_parts_weigh_as_much_as_they_hold() -> None:
    rows = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    parts = parts_of(10, 3)
    found = summed(({"filters": rows[part].mean(0)} for part in parts), shares_of(parts))
    torch.testing.assert_close(found["filters"], rows.mean(0))
    losses = averaged(
        (Losses(float(rows[part, 0].mean()), float(rows[part, 1].mean())) for part in parts), shares_of(parts)
    )
    assert (losses.reconstruction, losses.penalty) == pytest.approx(tuple(rows.mean(0)[:2].tolist()), rel=1e-5)


def test_one_part_is_left_as_it_is() -> None:
    slope = torch.randn(5, generator=torch.Generator().manual_seed(1))
    assert torch.equal(summed([{"filters": slope.clone()}], (1.0,))["filters"], slope)
    assert averaged([Losses(0.1, 0.7)], (1.0,)) == Losses(0.1, 0.7)
