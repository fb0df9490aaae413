"""Which network a file of weights makes, and one clear error for each that makes none."""

import json
import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from blindspots.errors import InputError
from blindspots.models.opening import open_model, without_head
from blindspots.models.weights_file import load_weights_file
from blindspots.networks import offered
from blindspots.networks.alexnet import AlexNet
from blindspots.networks.alexnet_2012 import AlexNet2012
from blindspots.networks.build import build_network, initialise
from blindspots.store.place import Place
from blindspots.store.weights import save_weights
from blindspots.study.model_spec import ModelSpec

SPECS = (
    ModelSpec(name="fc5-10", hidden=(5,), decay=(0, 0)),
    ModelSpec(name="ae6-10", network="autoencoder", hidden=(6,), decay=(0,)),
    ModelSpec(name="conv2-7-10", network="convolutional", channels=(2,), hidden=(7,), decay=(0, 0, 0)),
)
CLASSIFIER = ("classifier.1", "classifier.4", "classifier.6")


def features(kind: type[AlexNet] | type[AlexNet2012] = AlexNet, *, seed: int = 0) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return dict(kind(classes=None).state_dict())


def whole(classes: int = 7) -> dict[str, torch.Tensor]:
    """All of AlexNet's weights in a file of little more than its convolutions: each value of a layer is one value."""
    found = features()
    for name, shape in zip(CLASSIFIER, ((4096, 9216), (4096, 4096), (classes, 4096)), strict=True):
        found |= {f"{name}.weight": torch.tensor(1e-3).expand(shape), f"{name}.bias": torch.zeros(shape[0])}
    return found


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_model_of_a_study_is_known_by_its_metadata(spec: ModelSpec, tmp_path: Path) -> None:
    network = build_network(spec, shape=(1, 28, 28), classes=10)
    initialise(network, seed=3)
    metadata = {
        "model": spec.name,
        "network": spec.model_dump_json(exclude={"name", "paper", "examples"}),
        "dataset": "fashion-mnist",
    }
    save_weights(Place.at(tmp_path), "seed-0.safetensors", network.state_dict(), metadata)
    opened = open_model(tmp_path / "seed-0.safetensors")
    images = torch.rand(4, 1, 28, 28)
    assert torch.equal(opened.model(images), network(images))
    assert (opened.name, opened.input_shape, opened.missing) == (spec.name, (1, 28, 28), ())
    assert not opened.model.training
    assert not any(parameter.requires_grad for parameter in opened.model.parameters())


@pytest.mark.parametrize(
    ("change", "options", "wrong"),
    [
        ({"network": "{"}, {}, "describe no network of a study"),
        ({"network": '{"network": "transformer", "decay": [0]}'}, {}, "describe no network of a study"),
        ({"network": "3"}, {}, "describe no network of a study"),
        ({"network": '{"given": {"weights": "w.pth", "network": "os:abort"}}'}, {}, "describe no network of a study"),
        ({"dataset": "mine.npz", "classes": "10"}, {}, "the data set 'mine.npz'; known are mnist, fashion-mnist"),
        ({"dataset": "cifar10"}, {}, "the data set 'cifar10'; known are mnist, fashion-mnist"),
        ({}, {"input_shape": (3, 28, 28)}, r"input_shape = \(3, 28, 28\): images of mnist are \(1, 28, 28\)"),
        ({"network": json.dumps({"hidden": [6], "decay": [0, 0]})}, {}, r"layers.1.weight is \(5, 784\) in the file"),
    ],
)
def test_metadata_that_describe_another_network_are_refused(
    change: dict[str, str], options: dict[str, Any], wrong: str, tmp_path: Path
) -> None:
    network = build_network(SPECS[0], shape=(1, 28, 28), classes=10)
    metadata = {"network": SPECS[0].model_dump_json(exclude={"name"}), "dataset": "mnist", **change}
    save_weights(Place.at(tmp_path), "w.safetensors", network.state_dict(), metadata)
    with pytest.raises(InputError, match=wrong):
        open_model(tmp_path / "w.safetensors", **options)


def test_a_model_of_a_study_on_other_data_says_their_shape(tmp_path: Path) -> None:
    network = build_network(SPECS[2], shape=(3, 8, 6), classes=4)
    metadata = {
        "network": SPECS[2].model_dump_json(exclude={"name"}),
        "dataset": "mine.npz",
        "input_shape": "[3, 8, 6]",
        "classes": "4",
    }
    save_weights(Place.at(tmp_path), "w.safetensors", network.state_dict(), metadata)
    opened = open_model(tmp_path / "w.safetensors")
    assert opened.input_shape == (3, 8, 6)
    assert opened.model(torch.rand(2, 3, 8, 6)).shape == (2, 4)


@pytest.mark.parametrize(("kind", "name"), [(AlexNet, "alexnet"), (AlexNet2012, "alexnet-2012")])
@pytest.mark.parametrize("named", [True, False])
def test_an_alexnet_is_known_by_its_convolutions_alone(
    kind: type[AlexNet] | type[AlexNet2012], name: str, named: bool, tmp_path: Path
) -> None:
    weights = features(kind)
    save_file(weights, tmp_path / "w.safetensors")
    before = torch.random.get_rng_state()
    opened = open_model(tmp_path / "w.safetensors", network=name if named else None)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert type(opened.model) is kind
    assert (opened.name, opened.input_shape, opened.missing) == (name, kind.input_shape, CLASSIFIER)
    assert all(torch.equal(tensor, weights[key]) for key, tensor in opened.model.state_dict().items())
    assert opened.model(torch.rand(1, *opened.input_shape)).shape == (1, 9216)


def test_a_known_network_is_known_in_a_wrapper_too(tmp_path: Path) -> None:
    weights = features()
    save_file({f"model.backbone.{name}": value for name, value in weights.items()}, tmp_path / "w.safetensors")
    for named in (None, "alexnet"):
        opened = open_model(tmp_path / "w.safetensors", network=named)
        assert (opened.name, opened.missing) == ("alexnet", CLASSIFIER)
        assert torch.equal(opened.model.state_dict()["features.0.weight"], weights["features.0.weight"])


def test_a_whole_alexnet_has_its_logits(tmp_path: Path) -> None:
    torch.save({"state_dict": whole(classes=7)}, tmp_path / "w.pth")
    assert (tmp_path / "w.pth").stat().st_size < 2**24
    opened = open_model(tmp_path / "w.pth", input_shape=(3, 63, 80))
    assert (opened.name, opened.input_shape, opened.missing) == ("alexnet", (3, 63, 80), ())
    logits = opened.model(torch.rand(1, *opened.input_shape))
    assert logits.shape == (1, 7)
    torch.testing.assert_close(
        logits, logits[:, :1].expand(1, 7), rtol=1e-4, atol=0
    )  # its last layer has the same weights for each
    assert float(logits[0, 0]) > 0


def without(name: str) -> dict[str, torch.Tensor]:
    return {key: tensor for key, tensor in features().items() if key != name}


@pytest.mark.parametrize(
    ("weights", "options", "wrong"),
    [
        (without("features.3.bias"), {}, "does not fit the network alexnet: the file lacks features.3.bias"),
        ({**features(), "extra": torch.ones(1)}, {}, "the network has no extra"),
        ({**features(), "classifier.6.bias": torch.ones(7)}, {}, r"lacks classifier.1.weight, .* and 2 more"),
        (
            {**features(), "features.3.weight": torch.ones(192, 32, 5, 5)},
            {},
            r"features.3.weight is \(192, 32, 5, 5\) in the file and \(192, 64, 5, 5\) in the network",
        ),
        (
            {name: tensor.double() for name, tensor in features().items()},
            {},
            r"features.0.bias is float64 in the file and float32 in the network, which .* not be exact; .* and 7 more",
        ),
        ({**features(), "features.0.bias": torch.ones(64, dtype=torch.int32)}, {}, "is int32 in the file"),
        ({**features(), "features.6.bias": torch.full((384,), torch.inf)}, {}, "features.6.bias hold .* not finite"),
        (features(AlexNet2012), {"network": "alexnet"}, "does not fit the network alexnet"),
        (features(AlexNet2012), {"input_shape": (3, 224, 224)}, r"alexnet-2012 takes images of \(3, 227, 227\)"),
        (features(), {"input_shape": (3, 62, 224)}, "of 63 x 63 at least"),
        (features(), {"input_shape": (224, 224)}, "of 63 x 63 at least"),
        (features(), {"input_shape": (3, 0, 224)}, "sizes of at least 1"),
        (features(), {"sha256": "0" * 64}, "is a path: leave it out"),
        ({"a": torch.ones(1)}, {}, "weights such as a are of no network that is known"),
        ({"features.0.weight": torch.ones(64, 3, 3, 3)}, {}, "of no network that is known"),
        ({"a": torch.ones(1)}, {"network": "resnet"}, "no network is called 'resnet'; there are alexnet"),
        ({"a": torch.ones(1)}, {"network": "resnet", "input_shape": (1,)}, "no network is called 'resnet'"),
    ],
)
def test_weights_of_no_network_are_refused(
    weights: dict[str, torch.Tensor], options: dict[str, Any], wrong: str, tmp_path: Path
) -> None:
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=wrong):
        open_model(tmp_path / "w.safetensors", **options)


def test_half_precision_is_held_exactly(tmp_path: Path) -> None:
    weights = {name: tensor.half() for name, tensor in features().items()}
    save_file(weights, tmp_path / "w.safetensors")
    found = open_model(tmp_path / "w.safetensors").model.state_dict()
    assert all(torch.equal(found[name], tensor.float()) for name, tensor in weights.items())


OWN = """
import torch
def network(outputs=2):
    return torch.nn.Sequential(torch.nn.Linear(4, outputs), torch.nn.BatchNorm1d(outputs))
def tensor():
    return torch.ones(1)
def broken():
    raise RuntimeError("out of luck\\nby far")
number = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of the user's own in the current folder, and weights that fit what it makes."""
    (tmp_path / "their_networks.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    network = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
    nn.init.normal_(network[0].weight)
    torch.save(network.state_dict(), tmp_path / "w.pt")
    return tmp_path


def test_a_network_of_ones_own(own: Path) -> None:
    path = list(sys.path)
    opened = open_model("w.pt", network="their_networks:network", input_shape=(4,))
    assert sys.path == path
    assert (opened.name, opened.input_shape, opened.missing) == ("their_networks:network", (4,), ())
    assert torch.equal(opened.model[0].weight, load_weights_file("w.pt")["0.weight"])  # type: ignore[index]
    assert not opened.model.training


def test_a_network_that_a_package_offers(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("theirs", "their_networks:network", offered.GROUP)
    monkeypatch.setattr(offered, "entry_points", lambda group: [point] if group == offered.GROUP else [])
    opened = open_model("w.pt", network="theirs", input_shape=(4,))
    assert opened.name == "theirs"
    assert opened.model(torch.rand(3, 4)).shape == (3, 2)


@pytest.mark.parametrize(
    ("network", "input_shape", "wrong"),
    [
        ("their_networks:network", None, "input_shape is wanted"),
        ("their_networks:network", (), "sizes of at least 1"),
        ("their_networks:network", 8, "^input_shape = 8: sizes of at least 1 are wanted, without the batch, such as"),
        ("their_networks:network", "8", "^input_shape = '8': sizes of at least 1"),
        ("nowhere_at_all:network", (4,), "cannot be made: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("their_networks:nothing", (4,), "cannot be made: AttributeError"),
        ("their_networks:number", (4,), "cannot be made: TypeError"),
        ("their_networks:broken", (4,), "cannot be made: RuntimeError: out of luck$"),
        ("their_networks:tensor", (4,), "returned one Tensor; it must return a torch.nn.Module"),
        (":network", (4,), "no network is called ':network'; there are alexnet, alexnet-2012"),
        ("torch.nn:Identity", (4,), "the network has no 0.weight, 0.bias, 1.weight and 3 more"),
    ],
)
def test_what_makes_no_network_is_refused(own: Path, network: str, input_shape: Any, wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        open_model(own / "w.pt", network=network, input_shape=input_shape)


def test_a_known_network_ends_before_its_head(tmp_path: Path) -> None:
    theirs = AlexNet(7).eval()
    save_weights(Place.at(tmp_path), "a.safetensors", theirs.state_dict(), {})
    ended = without_head(open_model(tmp_path / "a.safetensors"))
    images = torch.rand(2, 3, 63, 63)
    with torch.no_grad():
        codes = theirs.avgpool(theirs.features((images - theirs.mean) / theirs.std)).flatten(1)
        torch.testing.assert_close(ended(images), codes)
    assert not any(each.requires_grad for each in ended.parameters())


@pytest.mark.real_weights
@pytest.mark.skipif("BLINDSPOTS_ALEXNET" not in os.environ, reason="BLINDSPOTS_ALEXNET names no file of weights")
def test_the_real_weights_are_recognised() -> None:
    opened = open_model(os.environ["BLINDSPOTS_ALEXNET"])
    assert opened.name == "alexnet"
    assert opened.missing in ((), CLASSIFIER)
    first: nn.Conv2d = opened.model.features[0]  # type: ignore[assignment, index, union-attr]
    assert float(torch.linalg.matrix_norm(first.weight.flatten(1), 2)) == pytest.approx(4.593, rel=1e-3)
