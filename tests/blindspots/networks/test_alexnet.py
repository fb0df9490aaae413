"""Both AlexNets against their definitions, written out again from the papers, and torchvision's names."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blindspots.errors import InputError
from blindspots.networks.alexnet import AlexNet, per_pixel_kernel
from blindspots.networks.alexnet_2012 import AlexNet2012, response_normalisation

Network = AlexNet | AlexNet2012

FULLY_CONNECTED = {"classifier.1": (4096, 9216), "classifier.4": (4096, 4096), "classifier.6": (1000, 4096)}
KERNELS = {
    AlexNet: {
        "features.0": (64, 3, 11, 11),
        "features.3": (192, 64, 5, 5),
        "features.6": (384, 192, 3, 3),
        "features.8": (256, 384, 3, 3),
        "features.10": (256, 256, 3, 3),
    },
    AlexNet2012: {
        "features.0": (96, 3, 11, 11),
        "features.4": (256, 48, 5, 5),
        "features.8": (384, 256, 3, 3),
        "features.10": (384, 192, 3, 3),
        "features.12": (256, 192, 3, 3),
    },
}


def image(network: Network, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, *network.input_shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def widespread() -> AlexNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AlexNet().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def of_2012() -> AlexNet2012:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return AlexNet2012().eval().requires_grad_(False)


@pytest.fixture(params=[AlexNet, AlexNet2012])
def network(request: pytest.FixtureRequest, widespread: AlexNet, of_2012: AlexNet2012) -> Network:
    return widespread if request.param is AlexNet else of_2012


def test_the_names_are_torchvisions(network: Network) -> None:
    weights = KERNELS[type(network)] | FULLY_CONNECTED
    expected = {f"{name}.weight": shape for name, shape in weights.items()}
    expected |= {f"{name}.bias": shape[:1] for name, shape in weights.items()}
    assert {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()} == expected


def test_the_widespread_one_is_what_its_papers_say(widespread: AlexNet) -> None:
    w = widespread.state_dict()
    found = image(widespread)
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x = (found - mean) / std
    for index, (stride, padding, pools) in {
        0: (4, 2, 1),
        3: (1, 2, 1),
        6: (1, 1, 0),
        8: (1, 1, 0),
        10: (1, 1, 1),
    }.items():
        x = F.conv2d(x, w[f"features.{index}.weight"], w[f"features.{index}.bias"], stride, padding).relu()
        x = F.max_pool2d(x, 3, 2) if pools else x
    assert x.shape == (1, 256, 6, 6)
    torch.testing.assert_close(widespread(found), dense(x.flatten(1), w))


def test_the_one_of_2012_is_what_its_paper_says(of_2012: AlexNet2012) -> None:
    w = of_2012.state_dict()
    found = image(of_2012)
    x = 255 * found - torch.tensor([122.68, 116.67, 104.01]).view(3, 1, 1)
    for index, (stride, padding, groups, pools) in {
        0: (4, 0, 1, 1),
        4: (1, 2, 2, 1),
        8: (1, 1, 1, 0),
        10: (1, 1, 2, 0),
        12: (1, 1, 2, 1),
    }.items():
        weight, bias = w[f"features.{index}.weight"], w[f"features.{index}.bias"]
        x = torch.cat(
            [
                F.conv2d(part, kernel, offset, stride, padding)
                for part, kernel, offset in zip(
                    x.chunk(groups, 1), weight.chunk(groups), bias.chunk(groups), strict=True
                )
            ],
            1,
        ).relu()
        x = normalised(x) if index in (0, 4) else x
        x = F.max_pool2d(x, 3, 2) if pools else x
    assert x.shape == (1, 256, 6, 6)
    torch.testing.assert_close(of_2012(found), dense(x.flatten(1), w), rtol=1e-4, atol=1e-4)


def dense(x: torch.Tensor, w: dict[str, torch.Tensor]) -> torch.Tensor:
    for index in (1, 4, 6):
        x = x @ w[f"classifier.{index}.weight"].T + w[f"classifier.{index}.bias"]
        x = x.relu() if index < 6 else x
    return x


def normalised(x: torch.Tensor) -> torch.Tensor:
    """Section 3.3 of the paper of 2012: b = a / (2 + 1e-4 sum of a^2 over a map and two on either side)^0.75."""
    squares = F.pad(x.square(), (0, 0, 0, 0, 2, 2))
    total = sum(squares[:, offset : offset + x.shape[1]] for offset in range(5))
    return x / (2 + 1e-4 * total) ** 0.75


def test_response_normalisation_of_large_activations() -> None:
    x = 300 * torch.randn(2, 7, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(response_normalisation()(x), normalised(x))


def test_the_kernel_per_pixel_is_the_first_layer_of_the_image(network: Network) -> None:
    first: nn.Conv2d = network.features[0]  # type: ignore[assignment]
    outputs: list[torch.Tensor] = []
    hook = first.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    one, other = image(network), image(network, seed=1)
    network.features[0](one)  # nothing of the network before it: as fed
    network(one)
    network(other)
    hook.remove()
    kernel = per_pixel_kernel(first.weight, network.input_scale)
    assert kernel.dtype == torch.float64
    changed = F.conv2d((one - other).double(), kernel, stride=4, padding=first.padding)
    torch.testing.assert_close(outputs[1] - outputs[2], changed.float(), rtol=1e-4, atol=1e-3)
    assert not torch.allclose(outputs[0], outputs[1])


@pytest.mark.parametrize("kind", [AlexNet, AlexNet2012])
def test_without_classes_it_ends_before_the_fully_connected_layers(
    kind: Callable[..., Network], widespread: AlexNet, of_2012: AlexNet2012
) -> None:
    whole: Network = widespread if kind is AlexNet else of_2012
    part = kind(classes=None).eval()
    weights = {name: tensor for name, tensor in whole.state_dict().items() if name.startswith("features.")}
    assert part.load_state_dict(weights) is not None  # strict: these are all that it has
    codes = part(image(whole))
    assert codes.shape == (1, 9216)
    torch.testing.assert_close(whole.classifier(codes), whole(image(whole)))


def test_torch_fx_can_trace_it_as_the_walk_over_its_layers_does(network: Network) -> None:
    traced = torch.fx.symbolic_trace(network)
    torch.testing.assert_close(traced(image(network)), network(image(network)), rtol=0, atol=0)


def test_it_moves_with_its_constants() -> None:
    network = AlexNet2012(classes=None).double()
    assert network(torch.rand(1, 3, 227, 227, dtype=torch.float64)).dtype == torch.float64
    assert network.input_scale.dtype == torch.float64
    assert AlexNet2012(classes=None, mean=(1.0, 2.0, 3.0)).mean.flatten().tolist() == [1, 2, 3]


@pytest.mark.parametrize(("kernel", "scale"), [((4, 3, 5, 5), (1,)), ((4, 3, 5, 5), (3, 1)), ((4, 3, 5), (3,))])
def test_a_scale_that_does_not_fit_is_refused(kernel: tuple[int, ...], scale: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="a number per channel"):
        per_pixel_kernel(torch.ones(kernel), torch.ones(scale))
