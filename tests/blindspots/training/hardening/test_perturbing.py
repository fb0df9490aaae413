"""Perturbations of a layer's activations: exact where that can be known, of the length asked for, inside the box."""

import pytest
import torch

from blindspots.distortion.exact.linear import exact_linear_distortion
from blindspots.study.pools_spec import PoolsSpec
from blindspots.training.hardening.parts import above, activations
from blindspots.training.hardening.perturbing import _at_once, lengthened, loss_gradient, perturbed, towards_nearest
from blindspots.training.hardening.refreshing import joined, parts_of
from blindspots.training.lbfgs import DivergedError
from tests.fixed import fixed_images, fixed_network, labels_read

NETWORK = fixed_network(12, 9).float()
IMAGES = fixed_images(60)[0].float()
LABELS = labels_read(NETWORK, IMAGES)
TURNS = 1 + torch.arange(60) % 9
WRONG = NETWORK(IMAGES).argmax(1) != LABELS


def pools(**changes: object) -> PoolsSpec:
    return PoolsSpec.model_validate({"reach": 0.4, **changes})


def test_on_the_last_hidden_layer_the_least_is_the_linear_models_own() -> None:
    found = perturbed(NETWORK, IMAGES, LABELS, layer=2, spec=pools(reach_form="share", reach=1), turns=TURNS)
    hidden, last = activations(NETWORK, IMAGES, 2), NETWORK.linears[-1]
    exact = exact_linear_distortion(last.weight.double(), last.bias.double(), hidden.double(), LABELS)
    reached = found.success & ~WRONG
    assert float(reached.float().mean()) > 0.8
    assert torch.allclose(found.distance.double()[reached], 3 * exact.distortion[reached], rtol=1e-3, atol=5e-5)
    assert (found.values[WRONG] == 0).all()  # misread from the start


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("direction", ["nearest", "random"])
def test_what_is_found_misleads_what_follows_and_shares_of_it_lie_on_the_way(layer: int, direction: str) -> None:
    asked = {"layer": layer, "turns": TURNS}
    whole, half = (
        perturbed(NETWORK, IMAGES, LABELS, spec=pools(direction=direction, reach_form="share", reach=reach), **asked)
        for reach in (1, 0.5)
    )
    point = activations(NETWORK, IMAGES, layer) + whole.values
    read = above(NETWORK, layer)(point).argmax(1)
    wanted = (LABELS + TURNS) % 10 if direction == "random" else None
    found = whole.success & ~WRONG
    assert found.any()
    right = read == wanted if wanted is not None else read != LABELS
    assert right[found].float().mean() > 0.95  # what is stored is rounded
    assert torch.allclose(half.values, whole.values / 2, atol=1e-6)
    assert torch.allclose(whole.distance, whole.values.norm(dim=1), atol=1e-5)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_linear_direction_is_that_of_the_boundary_that_looks_the_nearest(layer: int) -> None:
    network = fixed_network(12, 9)
    inner, values = above(network, layer), activations(network, IMAGES.double(), layer)
    way, misread = towards_nearest(inner, values, LABELS)
    assert misread.tolist() == WRONG.tolist()
    for row in range(0, 60, 7):
        at = values[row : row + 1].requires_grad_()
        logits = inner(at)[0]
        leads = [logits[LABELS[row]] - logits[other] for other in range(10) if other != LABELS[row]]
        slopes = [torch.autograd.grad(lead, at, retain_graph=True)[0][0] for lead in leads]
        nearest = min(range(9), key=lambda j: float((leads[j] / slopes[j].norm()).detach()))
        torch.testing.assert_close(way[row], torch.zeros_like(way[row]) if misread[row] else -slopes[nearest])
    found = perturbed(NETWORK, IMAGES, LABELS, layer=layer, spec=pools(direction="linear"), turns=TURNS)
    assert found.success.all()
    assert not found.values[WRONG].any()
    torch.testing.assert_close(found.distance, found.values.norm(dim=1), atol=1e-6, rtol=1e-4)


def test_the_linear_direction_is_mostly_the_searchs() -> None:
    asked = {"layer": 1, "turns": TURNS}
    quick, sought = (
        perturbed(NETWORK, IMAGES, LABELS, spec=pools(direction=name), **asked).values for name in ("linear", "nearest")
    )
    alike = torch.cosine_similarity(quick, sought)[~WRONG]
    assert float((alike > 0.8).float().mean()) > 0.6


@pytest.mark.parametrize("direction", ["nearest", "gradient", "linear"])
def test_a_fixed_length_is_kept_but_for_the_box(direction: str) -> None:
    found = perturbed(NETWORK, IMAGES, LABELS, layer=1, spec=pools(direction=direction), turns=TURNS)
    point = activations(NETWORK, IMAGES, 1) + found.values
    assert point.min() >= 0
    assert point.max() <= 1
    length, inside = found.values.norm(dim=1), ((point > 0) & (point < 1)).all(dim=1)
    moved = length > 0
    assert torch.allclose(length[inside & moved], torch.tensor(0.4), atol=1e-5)
    assert (length <= 0.4 + 1e-5).all()
    assert (inside & moved).sum() > 2


def test_an_activation_is_stored_whole() -> None:
    delta, whole = (
        perturbed(NETWORK, IMAGES, LABELS, layer=2, spec=pools(stored=stored, trains="above"), turns=TURNS).values
        for stored in ("delta", "activation")
    )
    assert torch.allclose(activations(NETWORK, IMAGES, 2) + delta, whole, atol=1e-6)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_gradient_is_that_of_differences_in_float64(layer: int) -> None:
    network, labels = fixed_network(12, 9), LABELS[:2]
    inner, values = above(network, layer), activations(network, IMAGES[:2].double(), layer)
    gradient = loss_gradient(inner, values, labels)
    single = loss_gradient(above(NETWORK, layer), values.float(), labels)
    assert torch.allclose(gradient.float(), single, rtol=1e-3, atol=1e-6)
    change = 1e-6 * torch.ones_like(values[:, 0])
    for unit in range(0, values.shape[1], 5):
        ends = []
        for sign in (1, -1):
            moved = values.clone()
            moved[:, unit] += sign * change
            ends.append(torch.nn.functional.cross_entropy(inner(moved), labels, reduction="none"))
        assert torch.allclose((ends[0] - ends[1]) / 2e-6, gradient[:, unit], atol=1e-7)


def test_a_direction_of_zeros_moves_nothing() -> None:
    values = torch.tensor([[0.5, 0.5], [0.9, 0.5]])
    found = lengthened(values, torch.tensor([[0.0, 0.0], [3.0, 4.0]]), 0.5)
    assert torch.allclose(found, torch.tensor([[0.5, 0.5], [1.0, 0.9]]))


def test_weights_that_are_not_finite_have_diverged() -> None:
    network = fixed_network(12, 9).float()
    with torch.no_grad():
        network.linears[2].bias.fill_(float("nan"))
    for direction in ("nearest", "linear"):
        with pytest.raises(DivergedError, match="not finite"):
            perturbed(network, IMAGES, LABELS, layer=1, spec=pools(direction=direction), turns=TURNS)


def test_parts_of_a_group_are_the_group() -> None:
    assert [(part.start, part.stop) for part in parts_of(6500)] == [(0, 3000), (3000, 6000), (6000, 6500)]
    one = perturbed(NETWORK, IMAGES[:40], LABELS[:40], layer=1, spec=pools(), turns=TURNS[:40])
    other = perturbed(NETWORK, IMAGES[40:], LABELS[40:], layer=1, spec=pools(), turns=TURNS[40:])
    both = perturbed(NETWORK, IMAGES, LABELS, layer=1, spec=pools(), turns=TURNS)
    assert torch.allclose(joined([one, other]).values, both.values, atol=1e-5)
    assert torch.equal(joined([one, other]).success, both.success)


def test_a_gpu_searches_more_rows_at_once() -> None:
    assert _at_once(torch.empty(9, 784)) == 500
    assert _at_once(torch.empty(9, 784, device="meta")) == 10_000
