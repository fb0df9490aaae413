"""What a layer hands on: against the layers applied one after another."""

import pytest
import torch
from torch import nn

from blindspots.errors import InputError
from blindspots.models.activations import (
    LastCodes,
    activation_shape,
    activations,
    hidden_layers,
    last_codes,
    last_linear,
    layer_names,
    module_names,
)


class Twice(nn.Module):
    """A layer used twice, one that is never used, and one that hands on a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.idle, self.pair = nn.ReLU(), nn.ReLU(), Pair()
        self.first, self.last = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.pair(images)
        logits: torch.Tensor = self.last(self.relu(self.first(self.relu(images.flatten(1)))))
        return logits


class Pair(nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images, images


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    return nn.Sequential(body, nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 5), nn.Sigmoid(), nn.Linear(5, 2))


def images(count: int = 7) -> torch.Tensor:
    return torch.rand(count, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def test_layers_have_the_names_that_weights_have(model: nn.Sequential) -> None:
    assert layer_names(model) == ("0.0", "0.1", "0.2", "0.3", "1", "2", "3", "4", "5")
    assert set(module_names(model)) == {"0", *layer_names(model)}


def test_activations_are_what_is_nonlinear_pooled_or_last(model: nn.Sequential) -> None:
    assert hidden_layers(model) == ("0.2", "0.3", "4", "5")
    assert hidden_layers(nn.Sequential(nn.Linear(2, 2), nn.ReLU())) == ("1",)


@pytest.mark.parametrize("layer", ["0.0", "0.1", "0.2", "0.3", "0", "3", "4", "5"])
def test_a_layer_hands_on_what_the_layers_up_to_it_make(model: nn.Sequential, layer: str) -> None:
    model.train()
    shown = images()
    found = activations(model, layer, shown.split(3))
    model.eval()
    flat = [*model[0], *list(model)[1:]]
    place = {"0": 3, **{f"0.{i}": i for i in range(4)}}.get(layer, int(layer[-1]) + 3)
    wanted = shown
    with torch.no_grad():
        for each in flat[: place + 1]:
            wanted = each(wanted.clone())
    torch.testing.assert_close(found, wanted)
    assert activation_shape(model, layer, (1, 6, 6)) == wanted.shape[1:]


def test_the_model_is_left_as_it_was(model: nn.Sequential) -> None:
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    activations(model, "4", images().split(3))
    activation_shape(model, "4", (1, 6, 6))
    last_codes(model, [images()])
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_the_last_codes_are_what_the_last_linear_layer_reads(model: nn.Sequential) -> None:
    torch.testing.assert_close(last_codes(model, images().split(2)), activations(model, "4", [images()]))
    with pytest.raises(InputError, match="no linear layer"):
        last_codes(nn.Sequential(nn.Flatten()), [images()])


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("layer4", "Bob has no layer called 'layer4'; there are relu, idle, pair, first, last"),
        ("relu", "Bob runs 2 times through the layer relu"),
        ("idle", "Bob never runs through the layer idle"),
        ("pair", "the layer pair of Bob hands on tuple for 2 images"),
    ],
)
def test_a_layer_that_hands_on_nothing_to_rank_is_refused(layer: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        activation_shape(Twice(), layer, (6,), called="Bob")


def test_images_of_another_shape_are_refused(model: nn.Sequential) -> None:
    with pytest.raises(InputError, match=r"does not take images of shape \(3, 6, 6\)"):
        activation_shape(model, "4", (3, 6, 6))


def test_a_layer_that_is_never_run_through_has_no_activations() -> None:
    with pytest.raises(InputError, match="never runs through the layer idle"):
        activations(Twice(), "idle", [torch.rand(2, 6)])


@pytest.fixture
def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Sigmoid(), nn.Linear(4, 3))


def test_the_codes_are_what_the_last_layer_reads_with_their_gradient(small: nn.Sequential) -> None:
    images = torch.rand(5, 2, 3, requires_grad=True)
    codes = LastCodes(small)(images)
    torch.testing.assert_close(codes, small[:3](images))
    (slope,) = torch.autograd.grad(codes.sum(), images)
    (wanted,) = torch.autograd.grad(small[:3](images).sum(), images)
    torch.testing.assert_close(slope, wanted)
    assert not small[3]._forward_pre_hooks


def test_its_parts_are_the_model_s_once(small: nn.Sequential) -> None:
    moved = LastCodes(small).double()
    assert len(list(moved.parameters())) == len(list(small.parameters()))
    assert moved(torch.rand(2, 2, 3, dtype=torch.float64)).dtype == torch.float64


def test_a_model_without_a_linear_layer_is_refused(small: nn.Sequential) -> None:
    assert last_linear(small) is small[3]
    with pytest.raises(InputError, match="no linear layer"):
        LastCodes(nn.Sequential(nn.Flatten()))
