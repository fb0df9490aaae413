import pytest
import torch
from torch import nn

from blindspots.spectral.graph.affine import picking, unchanged
from blindspots.spectral.graph.graph import trace
from tests.blindspots.spectral.graph.models import Does

HALF = torch.tensor([[0.5, -1.0, 2.0, 0.25]], dtype=torch.float64)
KNOWN = {
    "sums": lambda m, x: x + x,
    "differences": lambda m, x: torch.sub(x, x * 3, alpha=0.5),
    "numbers": lambda m, x: 2 - x / 4,
    "constants": lambda m, x: m.halves - x * m.halves,
    "signs": lambda m, x: -x,
    "casts": lambda m, x: x.to(torch.float64),
    "means": lambda m, x: x.view(-1, 2, 2).mean(2),
    "sums of axes": lambda m, x: x.sum(1, keepdim=True),
    "selections": lambda m, x: x[:, [3, 0, 0]].flip(1),
    "shapes": lambda m, x: x.reshape(x.shape[0], 2, 2),
}
UNKNOWN = {
    "copies": lambda m, x: x[:, :1] + m.halves,
    "maxima": lambda m, x: torch.maximum(x, m.halves),
    "absolutes": lambda m, x: x.abs(),
    "side by side": lambda m, x: torch.cat([x, x], 1),
}


def computed(graph, images):
    """The last step's values, from what the steps say of themselves."""
    values = []
    for step in graph.steps:
        if step.rule == "input":
            values.append(images)
            continue
        affine = step.affine
        total = affine.constant.expand(1, *affine.shape)
        for part, place in zip(affine.parts, step.inputs, strict=True):
            given = values[place]
            if part.call is not None:
                total = total + part.call(given)
            elif part.index is not None:
                total = total + given.flatten(1)[:, part.index].reshape(-1, *affine.shape)
            else:
                total = total + part.factor * given.reshape(-1, *affine.shape)
        values.append(total)
    return values[-1]


@pytest.mark.parametrize("name", KNOWN)
def test_a_step_says_what_it_computes(name):
    model = Does(KNOWN[name], halves=HALF)
    images = torch.rand(5, 4, dtype=torch.float64)
    graph = trace(model.double(), (4,))
    torch.testing.assert_close(computed(graph, images), model(images))


@pytest.mark.parametrize("name", UNKNOWN)
def test_none_where_it_is_not_known(name):
    graph = trace(Does(UNKNOWN[name], halves=HALF).double(), (4,))
    assert graph.steps[-1].affine is None
    assert graph.steps[-1].rule in ("sum", "join")


def test_what_differs_between_the_images_of_a_batch_is_no_constant():
    model = Does(lambda m, x: x + m.two, two=torch.tensor([[0.0] * 4, [1.0] * 4], dtype=torch.float64))
    assert trace(model, (4,)).steps[-1].affine is None


def test_steps_are_compared_by_how_far_they_move():
    assert unchanged((2, 2)).shape == (2, 2)
    assert picking(torch.tensor([1, 0]), (2,)).parts[0].index.tolist() == [1, 0]
    one, other = (trace(nn.Sequential(Does(lambda m, x: x * 2)), (3,)).steps[-1] for _ in range(2))
    assert one == other
