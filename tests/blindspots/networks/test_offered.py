"""Networks by name: what a study may name, and that nothing else is called."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from torch import nn

from blindspots.errors import InputError
from blindspots.networks import offered
from blindspots.networks.alexnet import AlexNet
from blindspots.networks.build import network_for
from blindspots.networks.offered import check_allowed, named_network
from blindspots.study.model_spec import GivenSpec, ModelSpec

OWN = """
from pathlib import Path
import torch
Path("was_imported").touch()
def small():
    return torch.nn.Linear(4, 2)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of the user's own in the current folder; what it leaves behind when it is imported."""
    (tmp_path / "their_package").mkdir()
    (tmp_path / "their_package" / "__init__.py").touch()
    (tmp_path / "their_package" / "nets.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "was_imported"
    for name in ("their_package", "their_package.nets"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("allowed", ["their_package", "their_package.nets"])
def test_a_function_of_a_package_that_is_allowed(own: Path, allowed: str) -> None:
    network = named_network("their_package.nets:small", classes=2, packages=("other", allowed))
    assert isinstance(network, nn.Linear)


@pytest.mark.parametrize("packages", [(), ("other",), ("their_package.ne",), ("their",), ("their_package.nets.small",)])
def test_no_other_is_even_imported(own: Path, packages: tuple[str, ...]) -> None:
    said = "does not allow, since its code would be run; if you trust it, allow it with: --networks their_package"
    for ask in (
        lambda: named_network("their_package.nets:small", classes=2, packages=packages),
        lambda: check_allowed("their_package.nets:small", packages),
    ):
        with pytest.raises(InputError, match=said):
            ask()
    assert not own.exists()


def test_what_a_package_offers_needs_no_leave(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("theirs", "their_package.nets:small", offered.GROUP)
    monkeypatch.setattr(offered, "entry_points", lambda group: [point] if group == offered.GROUP else [])
    check_allowed("theirs")
    assert not own.exists()  # it is imported when it is asked for
    assert isinstance(named_network("theirs", classes=2), nn.Linear)
    with pytest.raises(
        InputError,
        match=r"no network is called 'resnet'; there are alexnet, alexnet-2012, efficientnet-lite0, .*, theirs, and",
    ):
        named_network("resnet", classes=2)


def test_a_known_network_has_the_classes_that_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(AlexNet, "__init__", lambda self, classes: (nn.Module.__init__(self), asked.append(classes))[0])
    spec = ModelSpec(name="a", given=GivenSpec(weights="a.pth", network="alexnet"))
    assert isinstance(network_for(spec, shape=(3, 224, 224), classes=5), AlexNet)
    assert asked == [5]
