"""Given models: opened with their own weights, or refused on one line where they do not fit the data."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from blindspots.errors import InputError
from blindspots.models import given as given_models
from blindspots.models.given import check_fits, given_file, given_hash, open_given
from blindspots.networks.alexnet import AlexNet
from blindspots.networks.build import build_network, initialise
from blindspots.study.model_spec import GivenSpec, ModelSpec

OWN = """
import torch
def small():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.Flatten(), torch.nn.Linear(2 * 4 * 3, 5))
"""
SHAPE, CLASSES = (3, 6, 5), 5


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """A model whose network is a function of the user's own, and its weights in the current folder."""
    (tmp_path / "their_nets.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(24, 5))
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    return ModelSpec(name="mine", given=GivenSpec(weights="w.safetensors", network="their_nets:small"))


def test_a_network_of_ones_own_has_the_files_weights(own: ModelSpec) -> None:
    model = open_given(own, shape=SHAPE, classes=CLASSES, packages=("their_nets",))
    assert model(torch.rand(4, *SHAPE)).shape == (4, CLASSES)
    assert not model.training
    with pytest.raises(InputError, match="allow it with: --networks their_nets"):
        open_given(own, shape=SHAPE, classes=CLASSES)


def test_a_network_that_the_study_describes(tmp_path: Path) -> None:
    spec = ModelSpec(name="fc", hidden=(7,), given=GivenSpec(weights=str(tmp_path / "w.pth")))
    network = build_network(spec, shape=SHAPE, classes=CLASSES)
    initialise(network, seed=1)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    images = torch.rand(3, *SHAPE)
    assert torch.equal(open_given(spec, shape=SHAPE, classes=CLASSES)(images), network(images))
    said = (
        r"w.pth does not fit the network fully-connected for 6 classes of images \(3, 6, 5\): layers.3.bias is \(5,\)"
    )
    with pytest.raises(InputError, match=said):
        open_given(spec, shape=SHAPE, classes=6)


@pytest.mark.parametrize(
    ("shape", "classes", "said"),
    [
        ((1, 6, 5), 5, r"the model mine does not take the data set's images, of shape \(1, 6, 5\): Given groups=1"),
        ((3, 9, 9), 5, r"of shape \(3, 9, 9\): mat1 and mat2 shapes cannot be multiplied"),
        (
            (3, 6, 5),
            10,
            r"the model mine returns \(1, 5\) for one image, and the data set has 10 classes: \(1, 10\) log",
        ),
    ],
)
def test_what_does_not_fit_the_data_is_refused_on_one_line(
    own: ModelSpec, shape: tuple[int, ...], classes: int, said: str
) -> None:
    with pytest.raises(InputError, match=said) as error:
        open_given(own, shape=shape, classes=classes, packages=("their_nets",))
    assert "\n" not in str(error.value)


def test_a_model_that_returns_no_tensor_is_refused() -> None:
    class Pair(nn.Module):
        def forward(self, images: torch.Tensor) -> Any:
            return images, images

    with pytest.raises(InputError, match="returns tuple for one image"):
        check_fits(Pair(), "pair", shape=(4,), classes=4)


def alexnet(path: Path, classes: int | None) -> ModelSpec:
    """Write an AlexNet's weights, of which those of a layer behind the convolutions are one value each."""
    with torch.random.fork_rng():
        weights = dict(AlexNet(None).state_dict())
    if classes is not None:
        sizes = zip((1, 4, 6), ((4096, 9216), (4096, 4096), (classes, 4096)), strict=True)
        for place, size in sizes:
            weights |= {
                f"classifier.{place}.weight": torch.tensor(1e-3).expand(size),
                f"classifier.{place}.bias": torch.zeros(size[0]),
            }
    torch.save(weights, path)
    return ModelSpec(name="alex", given=GivenSpec(weights=str(path), network="alexnet"))


@pytest.mark.parametrize(
    ("has", "shape", "said"),
    [
        (7, (3, 63, 63), "the model alex has 7 classes, and the data set has 5 classes"),
        (None, (3, 63, 63), "the model alex has no layers that tell classes apart, and the data set has 5 classes"),
        (
            5,
            (1, 28, 28),
            r"the model alex does not fit the data set: input_shape = \(1, 28, 28\): alexnet takes images",
        ),
    ],
)
def test_a_known_network_of_other_data_is_refused_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: int | None, shape: tuple[int, ...], said: str
) -> None:
    spec = alexnet(tmp_path / "w.pth", has)
    monkeypatch.setattr(given_models, "network_for", None)
    with pytest.raises(InputError, match=said):
        open_given(spec, shape=shape, classes=5)


def test_the_file_is_the_one_that_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    missing = GivenSpec(weights=str(path))
    with pytest.raises(InputError, match=r"w\.pth does not exist; name one that ends in"):
        given_file(missing)
    assert given_hash(missing) is None
    path.write_bytes(b"weights")
    found = hashlib.sha256(b"weights").hexdigest()
    assert given_file(GivenSpec(weights=str(path), sha256=found[:8])) == path
    assert given_hash(missing) == found
    with pytest.raises(InputError, match=f"its sha256 is {found}, and given.sha256 is 00000000"):
        given_file(GivenSpec(weights=str(path), sha256="0" * 8))
    path.write_bytes(b"changed")
    assert given_hash(missing) == hashlib.sha256(b"changed").hexdigest()
    with pytest.raises(InputError, match="is a folder"):
        given_file(GivenSpec(weights=str(tmp_path)))


def test_an_address_is_fetched_and_known_by_what_the_study_says(monkeypatch: pytest.MonkeyPatch) -> None:
    given = GivenSpec(weights="https://there/w.pth", sha256="0123abcd")
    assert given_hash(given) == "0123abcd"
    monkeypatch.setattr(given_models, "fetch_weights", lambda url, sha256: Path("cache") / f"{sha256}-{url[-5:]}")
    assert given_file(given) == Path("cache/0123abcd-w.pth")
