"""The minimisation for one c, against scipy's L-BFGS-B, and the two paths' steps against each other."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from blindspots.distortion.criteria import Towards
from blindspots.distortion.lbfgs.lbfgs import Search, penalised, place
from blindspots.distortion.problem import Problem
from blindspots.distortion.row_work import row_work
from blindspots.distortion.search import minimum_distortion
from blindspots.models import Classifier


@pytest.fixture(scope="module")
def problem():
    """Return a function that makes a problem of eight images in float64, and what they are to be read as."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 4)).double().requires_grad_(False)
        for part in model.parameters():
            part.mul_(4)
    random = torch.Generator().manual_seed(1)
    rows = (1.6 * torch.rand(8, 12, generator=random, dtype=torch.float64) - 0.3).clamp(0, 1)
    classifier = Classifier(model, torch.Size([12]))
    labels = classifier.checked(rows).argmax(1)
    targets = (labels + 1) % 4
    return lambda: (Problem.new(classifier, rows, targets), Towards.of(targets, labels), model)


@pytest.mark.parametrize("path", ["fused", "torch"])
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("c", [0.02, 0.3])
def test_the_minimum_for_one_c_is_scipys(problem, c, squared, path):
    new, wanted, model = problem()
    search = Search(squared=squared, values=0, most=1, iterations=300, tolerance=1e-6)
    work = row_work(path, torch.device("cpu"))
    start = torch.full((8,), c, dtype=torch.float64)
    found = penalised(new, wanted, minimiser=work.minimiser, search=search, c=start)
    assert found.min() >= 0
    assert found.max() <= 1

    def loss(point, row):
        leaf = torch.tensor(point, requires_grad=True)
        change = (leaf - new.rows[row]).square().sum()
        size = change if squared else (change + 1e-16).sqrt()
        value = c * size + nn.functional.cross_entropy(model(leaf[None]), wanted.targets[row, None])
        value.backward()
        return value.item(), leaf.grad.numpy()

    for row in range(8):
        origin = new.rows[row].numpy()
        bounds = [(0, 1)] * 12
        other = minimize(loss, origin, args=(row,), jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15})
        ours = loss(found[row].numpy(), row)[0]
        assert ours <= other.fun + 1e-6  # another minimum may be lower, never higher
        if np.abs(found[row].numpy() - other.x).max() < 1e-2:
            assert ours == pytest.approx(other.fun, abs=1e-6)


def test_a_guess_of_c_that_is_far_off_is_bracketed(problem):
    """A softmax on a linear layer, whose penalised loss is convex: the search ends at one point, wherever it began."""
    rows = problem()[0].rows
    model = nn.Linear(12, 2).double().requires_grad_(False)
    normal = torch.randn(12, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    model.weight.copy_(torch.stack([normal, -normal]))
    model.bias.copy_(torch.stack([-normal.sum(), normal.sum()]) / 2)
    classifier = Classifier(model, torch.Size([12]))
    labels = classifier.checked(rows).argmax(1)
    found = []
    for guess in (1e-6, 1e3):
        new = Problem.new(classifier, rows, 1 - labels)
        search = Search(squared=True, values=7, most=14, iterations=30, tolerance=0.03)
        minimiser = row_work("auto", torch.device("cpu")).minimiser
        begin = torch.full((8,), guess, dtype=torch.float64)
        penalised(new, Towards.of(1 - labels, labels), minimiser=minimiser, search=search, c=begin)
        assert torch.equal(classifier.logits(new.best.point).argmax(1), 1 - labels)
        assert (new.spent.iterations > 5).all()  # several values of c
        found.append(new.best.size)
    torch.testing.assert_close(found[0], found[1], rtol=1e-2, atol=0)


def test_rows_of_a_part_are_found_where_they_stand(problem):
    new, wanted, _ = problem()
    some = torch.tensor([1, 4, 6])
    search = Search(squared=True, values=2, most=14, iterations=12, tolerance=0.3)
    minimiser = row_work("auto", torch.device("cpu")).minimiser
    last = penalised(new.take(some), wanted.take(some), minimiser=minimiser, search=search)
    assert last.shape == (3, 12)
    assert new.best.size.isfinite().nonzero()[:, 0].tolist() == some.tolist()
    assert (new.spent.forwards > 0).nonzero()[:, 0].tolist() == some.tolist()
    assert place(some, torch.tensor([6, 1])).tolist() == [2, 0]


@pytest.mark.parametrize("path", ["fused", "torch"])
@pytest.mark.parametrize(("seed", "row"), [(25, 1892), (26, 1245), (37, 3839), (100, 3352)])
def test_a_lead_that_is_too_small_to_count_closes_no_bracket(seed, row, path):
    """Images of linear models where a c led by next to nothing: between it and those that missed there was no other."""
    random = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 3)).requires_grad_(False)
    model[1].weight.copy_(3 * torch.randn(3, 6, generator=random))
    model[1].bias.copy_(torch.randn(3, generator=random))
    images = torch.rand(4000, 1, 2, 3, generator=random)[[row]]
    labels = model(images).argmax(1)
    found = minimum_distortion(model, images, labels, rule=(labels + 1) % 3, method="lbfgs-norm", path=path)
    assert found.success.all(), found.reasons
    assert 1 <= float(found.distortion / found.exact) < 1.1
