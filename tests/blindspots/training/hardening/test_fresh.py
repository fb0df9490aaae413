"""What is made anew for each minibatch: how far it goes, that it raises the loss, and where the gradients come from."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from blindspots.study.pools_spec import HardeningSpec
from blindspots.training.hardening.fresh import fresh_loss, projected
from blindspots.training.hardening.mixture import Hardening
from blindspots.training.hardening.parts import above, activations
from blindspots.training.hardening.perturbing import lengthened, loss_gradient
from tests.fixed import fixed_images, fixed_network, labels_read

NETWORK = fixed_network(12, 9).requires_grad_()
IMAGES = fixed_images(40)[0]
LABELS = labels_read(NETWORK, IMAGES)


def loss(kind: str, layer: int, **changes: object) -> torch.Tensor:
    spec = HardeningSpec.model_validate({"fresh": kind, "layer": layer, "reach": 0.3, **changes})
    return fresh_loss(NETWORK, IMAGES, LABELS, NETWORK(IMAGES), spec=spec, seed=0, step=3)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_steps_up_the_gradient_raise_the_loss_and_more_of_them_more(layer: int) -> None:
    plain, once, often = cross_entropy(NETWORK(IMAGES), LABELS), loss("gradient", layer), loss("pgd", layer)
    assert plain < once <= often + 1e-9


@pytest.mark.parametrize("layer", [0, 2])
def test_projected_steps_stay_near_and_in_the_box(layer: int) -> None:
    values = activations(NETWORK, IMAGES, layer)
    point = projected(above(NETWORK, layer), values, LABELS, reach=0.3, steps=4)
    assert float((point - values).norm(dim=1).max()) <= 0.3 + 1e-9
    assert point.min() >= 0
    assert point.max() <= 1
    assert float((point - values).norm(dim=1).min()) > 0.05


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_virtual_direction_diverges_more_than_noise_and_needs_no_labels(layer: int) -> None:
    found = loss("virtual", layer, reach=0.5)
    inner, values = above(NETWORK, layer), activations(NETWORK, IMAGES, layer)
    noise = torch.randn(values.shape, generator=torch.Generator().manual_seed(0), dtype=values.dtype)
    said = NETWORK(IMAGES).log_softmax(1)
    other = inner(lengthened(values, noise, 0.5)).log_softmax(1)
    by_noise = (said.exp() * (said - other)).sum(1).mean()
    assert found > by_noise > 0
    spec = HardeningSpec(fresh="virtual", layer=layer, reach=0.5)
    again = fresh_loss(NETWORK, IMAGES, (LABELS + 1) % 10, NETWORK(IMAGES), spec=spec, seed=0, step=3)
    assert torch.equal(found, again)
    assert not torch.equal(found, fresh_loss(NETWORK, IMAGES, LABELS, NETWORK(IMAGES), spec=spec, seed=0, step=4))


def test_gradients_in_float32_are_those_of_float64_with_the_change_held_fixed() -> None:
    spec = HardeningSpec(fresh="gradient", layer=1, reach=0.3, weight=0.4)
    small = fixed_network(12, 9).float().requires_grad_()
    torch.autograd.backward(Hardening(spec, seed=0)(small, IMAGES.float(), LABELS, step=0)[0])
    values = activations(NETWORK, IMAGES, 1)
    change = lengthened(values, loss_gradient(above(NETWORK, 1), values, LABELS), 0.3) - values
    first, *_ = NETWORK.linears
    hidden = (IMAGES.flatten(1) @ first.weight.T + first.bias).sigmoid()
    whole = 0.6 * cross_entropy(NETWORK(IMAGES), LABELS) + 0.4 * cross_entropy(
        above(NETWORK, 1)(hidden + change), LABELS
    )
    wanted = torch.autograd.grad(whole, [layer.weight for layer in NETWORK.linears])
    for layer, gradient in zip(small.linears, wanted, strict=True):
        assert torch.allclose(layer.weight.grad.double(), gradient, rtol=1e-3, atol=1e-5)


def test_without_weight_it_is_the_loss_of_the_images() -> None:
    found, logits = Hardening(HardeningSpec(fresh="pgd", weight=0), seed=0)(NETWORK, IMAGES, LABELS, step=0)
    assert torch.equal(found, cross_entropy(NETWORK(IMAGES), LABELS))
    assert torch.equal(logits, NETWORK(IMAGES))
