import numpy as np
import pytest
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.explorer.columns import SetColumns
from blindspots.explorer.readings import readings
from blindspots.results.queries.choice import SetName
from tests.blindspots.results.queries.conftest import study
from tests.held import Held


class Weighted(Held):
    """Results with the weights of two models of three: logits are sums of pixels, and their opposites."""

    def __init__(self) -> None:
        vars(self)["study"] = study()

    def network(self, name: str, seed: int = 0) -> nn.Module:
        if name == "three":
            raise InputError("the weights of three cannot be used")
        layer = nn.Linear(4, 2, bias=False)
        layer.weight.data = torch.tensor([[1.0] * 4, [-1.0] * 4]) * (1 if name == "one" else -1)
        return nn.Sequential(nn.Flatten(), layer).requires_grad_(False)


@pytest.fixture
def columns() -> SetColumns:
    one = np.zeros(1, np.int64)
    reads = {"one": one + 1, "two": one - 1, "three": one + 1}
    return SetColumns(SetName("one", 0, "train", "nearest"), one, one, one + 0.1, one, reads, one, "")


def test_logits_stand_beside_what_is_stored(columns: SetColumns) -> None:
    original, distorted = np.full((1, 2, 2), 0.5, np.float32), np.full((1, 2, 2), 0.25, np.float32)
    one, two, three = readings(Weighted(), columns, 0, original, distorted)
    assert one.original == ((0, 2.0), (1, -2.0))
    assert one.distorted == ((0, 1.0), (1, -1.0))
    assert two.distorted == ((1, 1.0), (0, -1.0))
    assert (one.stored, two.stored, three.stored) == (1, None, 1)
    assert one.differs
    assert not two.differs
    assert one.fooled(0)  # what is stored was checked
    assert two.fooled(0)  # what is not stored is computed
    assert not two.fooled(1)
    assert three.why_not == "the weights of three cannot be used"
    assert three.original == ()
    assert three.fooled(0)
