"""In which order methods are tried, and for which images more is tried."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from blindspots import distances_to_all, minimum_distortion
from blindspots.distortion import METHODS, Auto, methods, strategy
from blindspots.distortion.attempt import Attempt
from blindspots.distortion.criteria import AnyOther, Towards
from blindspots.distortion.methods import Projection
from blindspots.distortion.row_work import row_work
from blindspots.distortion.search import search
from blindspots.distortion.strategy import search_every_class
from blindspots.distortion.threads import one_by_one
from blindspots.models import Classifier
from blindspots.networks.fully_connected import FullyConnected
from tests.fixed import fixed_images, fixed_network

STEPS = torch.linspace(0, 1, 1001)


class Plateau(nn.Module):
    """A model whose gradient is exactly zero in dark images."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        lead = torch.relu(images.mean(1) - 0.5) - 0.1
        return torch.stack([-lead, lead], dim=1)


def test_a_doubtful_boundary_is_searched_again(small_network):
    """A saturated network: from the image, the linearisation leads to a boundary far away."""
    model, images, labels = small_network(38, 3)
    auto, projection = (minimum_distortion(model, images, labels, method=name) for name in ("auto", "projection"))
    both = auto.success & projection.success
    assert both.sum() > 10
    assert (auto.distortion <= projection.distortion * (1 + 1e-4))[both].all()
    assert (auto.distortion < 0.5 * projection.distortion)[both].any()


@pytest.mark.parametrize("method", METHODS)
def test_only_auto_tries_more_than_its_method(method):
    images = torch.cat([torch.full((1, 6), 0.2), torch.full((2, 6), 0.9)])
    found = minimum_distortion(Plateau(), images, torch.tensor([0, 1, 1]), method=method)
    assert bool(found.success[0]) == (method == "auto")
    assert found.success[1:].all()


def test_auto_for_a_target_goes_on_from_lbfgs_by_projection(sigmoid):
    """Whatever the penalty ends at, the projection from there is no farther, and takes passes of its own."""
    images, labels = sigmoid.images[:60], sigmoid.labels[:60]
    auto = minimum_distortion(sigmoid.model, images, labels, rule="second")
    coarse = minimum_distortion(sigmoid.model, images, labels, rule="second", method=Auto().lbfgs)
    both = coarse.success & (coarse.distortion > 0)
    assert both.sum() > 30
    assert (auto.distortion <= coarse.distortion)[both].all()
    assert (auto.backwards > coarse.backwards)[both].all()
    assert auto.distortion[both].mean() < 0.99 * coarse.distortion[both].mean()


def trained_on(images: torch.Tensor, labels: torch.Tensor, *, epochs: int) -> FullyConnected:
    """A sigmoid network with two hidden layers, trained until its logits saturate or, by few epochs, not."""
    network = fixed_network(32, 32).requires_grad_(True)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(epochs):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    return network.requires_grad_(False)


def above_their_own(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[int, int]:
    """How many are more than 0.1% above the least of their distances to all classes, and the gradients of all."""
    found = minimum_distortion(network, images, labels)
    least = distances_to_all(network, images, labels).scatter(1, labels[:, None], torch.inf).amin(1)
    return int((found.distortion > 1.001 * least).sum()), int(found.backwards.sum())


def test_where_logits_saturate_other_classes_are_searched_as_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the slopes at an image do not tell which class is the nearest."""
    images, labels = fixed_images(100)
    network = trained_on(images, labels, epochs=300)
    labels = network(images).argmax(1)
    above, passes = above_their_own(network, images, labels)
    monkeypatch.setitem(methods._TRIES, "usual", replace(methods._TRIES["usual"], saturated=0))
    before, fewer = above_their_own(network, images, labels)
    assert above <= 6
    assert before >= 10
    assert passes > fewer


def untrained() -> tuple[nn.Module, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(12)
        model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4)).requires_grad_(False)
        return model, torch.rand(10, 12)


def test_every_class_is_searched_as_distances_to_all_does_and_what_is_nearer_is_kept():
    model, images = untrained()
    labels = model(images).argmax(1)
    labels[2] = (labels[2] + 1) % 4  # misread from the start: nothing is sought for it
    classifier = Classifier(model, torch.Size([12]))
    clean = classifier.checked(images).argmax(1)
    attempt = Attempt(classifier, images, labels, clean, AnyOther(labels), row_work("fused", images.device))
    todo = (clean == labels).nonzero()[:, 0]
    search(attempt, Projection(rounds=1), parts=[todo], each=one_by_one)
    before, work = attempt.point.clone(), attempt.spent.backwards.clone()
    search_every_class(attempt, Auto(), size=5, each=one_by_one)
    assert torch.equal(attempt.point[2], images[2])
    assert (attempt.spent.backwards > work)[todo].all()
    sizes = [(point - images).norm(dim=1)[todo] / 12**0.5 for point in (before, attempt.point)]
    least = distances_to_all(model, images, labels).scatter(1, labels[:, None], torch.inf).amin(1)[todo]
    torch.testing.assert_close(sizes[1].double(), torch.minimum(sizes[0].double(), least), rtol=1e-5, atol=0)
    assert (sizes[1] < 0.99 * sizes[0]).any()
    assert (classifier.logits(attempt.point).argmax(1) != labels).all()


@pytest.mark.parametrize(
    ("effort", "rule", "classes", "asked"),
    [("thorough", "nearest", 4, True), ("thorough", 1, 4, False), ("usual", "nearest", 4, False),
     ("thorough", "nearest", 11, False)],
)  # fmt: skip
def test_only_thorough_searches_every_class_and_of_ten_at_most(monkeypatch, effort, rule, classes, asked):
    calls = []
    monkeypatch.setattr("blindspots.distortion.search.search_every_class", lambda *_, **__: calls.append(1))
    model = nn.Linear(3, classes)
    images = torch.rand(2, 3, generator=torch.Generator().manual_seed(0))
    minimum_distortion(lambda rows: model(rows).tanh(), images, model(images).argmax(1), rule=rule, effort=effort)
    assert bool(calls) == asked


def test_what_is_near_is_not_searched_for_from_afar(monkeypatch):
    """But what is farther than a share of the box is, and, by any effort, what was not found."""
    model, images = untrained()
    labels = model(images).argmax(1)
    near = minimum_distortion(model, images, labels)
    monkeypatch.setattr(strategy, "climbed", lambda *_, **__: 1 / 0)
    far = near.distortion > methods._TRIES["usual"].far
    assert 0 < far.sum() < 10
    assert torch.equal(minimum_distortion(model, images[~far], labels[~far]).success, near.success[~far])
    with pytest.raises(ZeroDivisionError):
        minimum_distortion(model, images[far], labels[far])
    minimum_distortion(model, images[far & near.success], labels[far & near.success], effort="fast")


def test_what_was_found_is_gone_on_from():
    model, images = untrained()
    labels = model(images).argmax(1)
    classifier = Classifier(model, torch.Size([12]))
    clean = classifier.checked(images).argmax(1)
    goal = (labels + 1) % 4
    attempt = Attempt(classifier, images, labels, clean, Towards.of(goal, labels), row_work("torch", images.device))
    search(attempt, Projection(rounds=3), parts=[torch.arange(10)], each=one_by_one)
    some = torch.tensor([7, 1, 4])
    problem = attempt.resumed(some)
    found = attempt.by[some] > 0
    assert torch.equal(problem.best.target, goal[some])
    assert torch.equal(torch.isfinite(problem.best.size), found)
    assert torch.equal(problem.best.point, attempt.point[some])
    assert not problem.spent.backwards.any()


@pytest.mark.parametrize("path", ["fused", "torch"])
@pytest.mark.parametrize("named", [{"effort": "fast"}, {"effort": "usual"}, {"rule": 1}])
def test_classes_that_tie_at_nothing_are_no_success(path, named):
    """Behind a last rectifier all logits are 0 in a whole region, which is read as the first class, the label."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(16, 3), nn.ReLU()).requires_grad_(False)
    model[0].bias.fill_(-0.2)
    images = torch.rand(200, 16, generator=torch.Generator().manual_seed(1))
    images = images[model(images).argmax(1) == 0][:6]
    found = minimum_distortion(model, images, torch.zeros(len(images), dtype=torch.long), path=path, **named)
    assert found.success.all()
    others = [1] if "rule" in named else [1, 2]
    for image, distance in zip(images, found.l2, strict=True):  # at most what a line straight up a class's row takes
        rows = [(image + s * model[0].weight[k] / model[0].weight[k].norm()).clamp(0, 1) for k in others for s in STEPS]
        read = model(torch.stack(rows)).argmax(1)
        there = torch.stack([(row - image).norm() for row in rows])[sum(read == k for k in others) > 0]
        assert distance <= 1.001 * there.min()
