"""EfficientNet-Lite against its definition, written out again from names and shapes of the weights."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from blindspots.datasets import load_dataset
from blindspots.models.opening import open_model
from blindspots.networks.efficientnet_lite import EfficientNetLite, EfficientNetLite0, EfficientNetLite1
from blindspots.networks.known import NETWORKS
from blindspots.spectral.graph.graph import trace
from blindspots.study.pictures_spec import PicturesSpec

Weights = dict[str, torch.Tensor]


def drawn(network: EfficientNetLite) -> EfficientNetLite:
    """Give the network weights and statistics that make every part of it count."""
    draw = torch.Generator().manual_seed(0)
    for name, value in network.state_dict().items():
        if name.endswith(("running_var", "bn0.weight", "bn1.weight", "bn2.weight")):
            value.copy_(0.5 + torch.rand(value.shape, generator=draw))
        elif value.is_floating_point():
            scale = 1 if value.dim() < 2 else (2 / value[0].numel()) ** 0.5
            value.copy_(scale * torch.randn(value.shape, generator=draw))
    return network.eval().requires_grad_(False)


def padded(x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    """TensorFlow's SAME: ceil(size / stride) outputs, and what is odd of the padding behind."""
    margins = []
    for size in (x.shape[3], x.shape[2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        margins += [total // 2, total - total // 2]
    return F.pad(x, margins)


def convolved(
    x: torch.Tensor, w: Weights, name: str, norm: str, stride: int = 1, *, rectified: bool = True
) -> torch.Tensor:
    kernel = w[f"{name}.weight"]
    x = F.conv2d(padded(x, kernel.shape[2], stride), kernel, stride=stride, groups=x.shape[1] // kernel.shape[1])
    mean, var, scale, shift = (w[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    shape = (-1, 1, 1)
    x = (x - mean.view(shape)) / (var.view(shape) + 1e-3).sqrt() * scale.view(shape) + shift.view(shape)
    return x.clamp(0, 6) if rectified else x


def written_out(images: torch.Tensor, w: Weights, strided: tuple[int, ...]) -> torch.Tensor:
    x = convolved((255 * images - 127) / 128, w, "_conv_stem", "_bn0", 2)
    blocks = 1 + max(int(name.split(".")[1]) for name in w if name.startswith("_blocks"))
    for block in range(blocks):
        start, before = f"_blocks.{block}", x
        if f"{start}._expand_conv.weight" in w:
            x = convolved(x, w, f"{start}._expand_conv", f"{start}._bn0")
        x = convolved(x, w, f"{start}._depthwise_conv", f"{start}._bn1", 2 if block in strided else 1)
        x = convolved(x, w, f"{start}._project_conv", f"{start}._bn2", rectified=False)
        x = x + before if x.shape == before.shape else x
    x = convolved(x, w, "_conv_head", "_bn1").mean((2, 3))
    return x @ w["_fc.weight"].T + w["_fc.bias"]


@pytest.mark.parametrize(
    ("kind", "strided", "sizes"),
    [(EfficientNetLite0, (1, 3, 5, 11), (64, 75)), (EfficientNetLite1, (1, 4, 7, 15), (48, 33))],
)
def test_it_is_what_its_names_say(
    kind: type[EfficientNetLite0 | EfficientNetLite1], strided: tuple[int, ...], sizes: tuple[int, int]
) -> None:
    with torch.random.fork_rng():
        network = drawn(kind(7)).double()
    images = torch.rand(2, 3, *sizes, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(network(images), written_out(images, network.state_dict(), strided))


@pytest.mark.parametrize(
    ("kind", "parameters", "blocks"), [(EfficientNetLite0, 4_652_008, 16), (EfficientNetLite1, 5_416_680, 21)]
)
def test_its_size(kind: type[EfficientNetLite0 | EfficientNetLite1], parameters: int, blocks: int) -> None:
    with torch.device("meta"):
        network = kind()
    assert sum(each.numel() for each in network.parameters()) == parameters
    assert len(network._blocks) == blocks
    assert network(torch.empty(2, *network.input_shape, device="meta")).shape == (2, 1000)


def test_every_layer_has_a_bound() -> None:
    with torch.random.fork_rng():
        graph = trace(EfficientNetLite0(5).eval(), (3, 64, 64))
    assert [layer.name for layer in graph.layers if layer.problem] == []
    assert len(graph.layers) == 137


IMAGENET, WEIGHTS = "BLINDSPOTS_IMAGENET", "BLINDSPOTS_EFFICIENTNET"


@pytest.mark.real_weights
@pytest.mark.skipif(not {IMAGENET, WEIGHTS} <= set(os.environ), reason=f"{IMAGENET} or {WEIGHTS} names no folder")
@pytest.mark.parametrize(
    ("name", "step", "first", "among_five"),
    [("lite0", 1, (855, 859), (968, 972)), ("lite1", 5, (174, 182), (190, 200))],
)
def test_the_real_weights_read_the_thousand_pictures(
    name: str, step: int, first: tuple[int, int], among_five: tuple[int, int]
) -> None:
    """Names the folders of a picture a class of ImageNet, and of the files ``efficientnet_lite0.safetensors``."""
    path = Path(os.environ[WEIGHTS]) / f"efficientnet_{name}.safetensors"
    opened, stated = open_model(path), NETWORKS[f"efficientnet-{name}"].pictures
    assert opened.name == f"efficientnet-{name}"
    assert not any(key.endswith("num_batches_tracked") for key in load_file(path))
    wanted = PicturesSpec(size=opened.input_shape[1], crop=stated.crop, interpolation=stated.interpolation)
    pictures = load_dataset(os.environ[IMAGENET], pictures=wanted)
    ids = pictures.ids("test")[::step]
    right, near = 0, 0
    with torch.inference_mode():
        for start in range(0, len(ids), 20):
            some = ids[start : start + 20]
            hit = opened.model(pictures.images("test", some)).topk(5).indices == pictures.labels("test", some)[:, None]
            right, near = right + int(hit[:, 0].sum()), near + int(hit.any(1).sum())
    assert first[0] <= right <= first[1]
    assert among_five[0] <= near <= among_five[1]
