import json

import pytest
import torch

from blindspots.store.arrays import CorruptShardError
from blindspots.store.place import Place
from blindspots.store.weights import CHECK, load_checked, load_weights, read_metadata, save_checked, save_weights

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3)}


def test_what_is_saved_is_loaded(any_place: Place) -> None:
    place = any_place
    save_weights(place, "x", TENSORS, {"model": "m"})
    assert read_metadata(place, "x") == {"model": "m"}
    assert torch.equal(load_weights(place, "x")["a"], TENSORS["a"])
    with pytest.raises(CorruptShardError, match="x: the content is not what was written"):
        load_checked(place, "x")  # it says no hash: nothing that is gone on from is taken without


@pytest.mark.parametrize("tensors", [{**TENSORS, "b": torch.tensor(4)}, {"a": TENSORS["a"]}])
def test_a_file_of_other_content_than_its_hash_is_refused(any_place: Place, tensors: dict[str, torch.Tensor]) -> None:
    place = any_place
    save_checked(place, "x", TENSORS, {"step": "4"})
    found, metadata = load_checked(place, "x")
    assert metadata == {"step": "4"}
    assert found.keys() == TENSORS.keys()
    check = read_metadata(place, "x")[CHECK]
    for content, step in ((tensors, "4"), (TENSORS, "5")):
        save_weights(place, "x", content, {"step": step, CHECK: check})
        with pytest.raises(CorruptShardError, match="not what was written"):
            load_checked(place, "x")


KINDS = {"BF16": 2, "F8_E8M0": 1, "F8_E4M3": 1, "F4": 0.5, "X9": 1}
"""Kinds of numbers that files of others have, and how many bytes one takes; of the last there is none."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_others_in_its_place_is_damage(any_place: Place, kind: str) -> None:
    size = int(8 * KINDS[kind])
    header = json.dumps({"a": {"dtype": kind, "shape": [8], "data_offsets": [0, size]}}).encode()
    any_place.write("x", len(header).to_bytes(8, "little") + header + bytes(size))
    for read in (load_weights, load_checked):
        with pytest.raises(CorruptShardError, match=r"^x: "):
            read(any_place, "x")


def test_the_same_content_is_the_same_bytes(any_place: Place) -> None:
    metadata = dict.fromkeys("qwertyuiopé", "é")
    tensors = {**TENSORS, "none": torch.empty(0, 3), "nothing": torch.empty(0, 3)}
    for number in range(5):
        turned = dict(reversed(metadata.items())) if number % 2 else metadata
        save_weights(any_place, str(number), dict(reversed(tensors.items())) if number % 2 else tensors, turned)
    first = any_place.read("0")
    assert {any_place.read(str(number)) for number in range(5)} == {first}
    size = int.from_bytes(first[:8], "little")
    assert size % 8 == 0
    assert list(json.loads(first[8 : 8 + size])["__metadata__"]) == sorted(metadata)
    assert read_metadata(any_place, "0") == metadata
    found = load_weights(any_place, "0")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    save_weights(any_place, "0", TENSORS, {})
    assert torch.equal(load_weights(any_place, "0")["a"], TENSORS["a"])
