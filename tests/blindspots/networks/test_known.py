"""The networks that are known: made as they are described, told apart, and free of torch until they are made."""

import subprocess
import sys

import pytest
import torch

from blindspots.errors import InputError
from blindspots.networks.known import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_a_known_network_is_what_its_entry_says(name: str) -> None:
    entry = NETWORKS[name]
    without = entry.make(None)
    assert tuple(without.input_shape) == entry.input_shape
    weights = without.state_dict()
    assert entry.recognises(weights)
    assert entry.classes(weights) is None
    assert [other.name for other in NETWORKS.values() if other.recognises(weights)] == [name]
    with torch.device("meta"):  # shapes alone: its last layers are large
        whole = entry.make(7)
    behind = {key.rpartition(".")[0] for key in whole.state_dict().keys() - weights.keys()}
    assert behind == set(entry.head)
    assert entry.classes(whole.state_dict()) == 7
    assert entry.checked(entry.input_shape) == entry.input_shape


@pytest.mark.parametrize(
    ("name", "shape", "fits"),
    [
        ("alexnet", (3, 63, 80), True),
        ("alexnet", (3, 62, 80), False),
        ("alexnet", (1, 224, 224), False),
        ("alexnet", (224, 224), False),
        ("alexnet-2012", (3, 227, 227), True),
        ("alexnet-2012", (3, 224, 224), False),
    ],
)
def test_images_of_another_shape_are_refused(name: str, shape: tuple[int, ...], fits: bool) -> None:
    if fits:
        assert NETWORKS[name].checked(shape) == shape
        return
    with pytest.raises(InputError, match=f"{name} takes images of"):
        NETWORKS[name].checked(shape)


def test_public_weights_carry_their_hash_in_their_name() -> None:
    public = {name: entry.public for name, entry in NETWORKS.items() if entry.public is not None}
    assert "alexnet" in public
    assert all(each.address.endswith(f"-{each.sha256}.pth") for each in public.values())


def test_their_names_can_be_listed_without_torch() -> None:
    code = "from blindspots.networks import NETWORKS; import sys; print(*NETWORKS, 'torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [*NETWORKS, "False"]
