"""Files of weights as users have them: which tensors they hold, and one clear error for each that holds none."""

import os
import pickle
import shutil
import warnings
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from blindspots.errors import InputError
from blindspots.models.weights_file import load_weights_file


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return {"a.weight": torch.randn(3, 4, generator=random), "a.bias": torch.randn(3, generator=random).half()}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapped", [True, False])
def test_tensors_come_back_by_name(
    tensors: dict[str, torch.Tensor], tmp_path: Path, suffix: str, zipped: bool, wrapped: bool
) -> None:
    path = tmp_path / f"w{suffix}"
    named = {f"module.{name}": tensor for name, tensor in tensors.items()} if wrapped else tensors
    if suffix == ".safetensors":
        save_file(named, path)
    else:
        content = {"epoch": 3, "state_dict": named} if wrapped else named
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
    found = load_weights_file(path)
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_a_prefix_that_some_lack_is_kept(tmp_path: Path) -> None:
    save_file({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "w.safetensors")
    assert set(load_weights_file(tmp_path / "w.safetensors")) == {"module.a", "b"}


class Harmful:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.path),)


class HarmfulByName(Harmful):
    """One whose function is not of a module that torch itself refuses."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return shutil.copytree, (str(self.path.parent), str(self.path))


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for name, zipped in (("zipped.pt", True), ("old.pt", False)):
        torch.save({"a": Harmful(trap)}, tmp_path / name, _use_new_zipfile_serialization=zipped)
        with pytest.raises(InputError, match=r"more than tensors \((posix|nt).mkdir\), and unpickling that could run"):
            load_weights_file(tmp_path / name)
    with (tmp_path / "plain.pt").open("wb") as file:
        pickle.dump(Harmful(trap), file)
    with pytest.raises(InputError, match=r"plain.pt .* save its state_dict\(\) with safetensors"):
        load_weights_file(tmp_path / "plain.pt")
    assert not trap.exists()


def test_what_a_script_saved_beside_the_weights_is_not_looked_at(
    tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    counts: defaultdict[str, list[int]] = defaultdict(list, {"train": [1]})
    trap = tmp_path / "trap"
    beside = {
        "args": Namespace(lr=0.1, resume=Path("old.pth")),
        "best_acc": np.float64(0.9),
        "history": counts,
        "curve": np.ones(3),
        "when": datetime(2020, 1, 1, tzinfo=UTC),
        "run": HarmfulByName(trap),
    }
    for name, zipped in (("zipped.pth.tar", True), ("old.ckpt", False)):
        torch.save({"state_dict": tensors, **beside}, tmp_path / name, _use_new_zipfile_serialization=zipped)
        found = load_weights_file(tmp_path / name)
        assert all(torch.equal(found[key], tensor) for key, tensor in tensors.items())
    assert found.keys() == tensors.keys()
    assert not trap.exists()


def test_arrays_are_read_as_the_tensors_that_they_are(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, np.int64)}
    torch.save(arrays, tmp_path / "w.pt")
    found = load_weights_file(tmp_path / "w.pt")
    assert all(np.array_equal(found[name].numpy(), array) for name, array in arrays.items())


def test_the_content_decides_and_not_the_name(tensors: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "w.bin")
    torch.save(tensors, tmp_path / "w.safetensors")
    for name in ("w.bin", "w.safetensors"):
        assert load_weights_file(tmp_path / name).keys() == tensors.keys()


def truncated(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def scripted(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)).save(str(path))


def torch_file(content: Any, *, share: float = 1, zipped: bool = True) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        truncated(path, share)

    return make


def safetensors_file(share: float) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        save_file({"a": torch.ones(100)}, path)
        truncated(path, share)

    return make


WEIGHTS = {"a": torch.ones(1000)}


@pytest.mark.parametrize(
    ("name", "make", "wrong"),
    [
        ("gone.pth", lambda path: None, "does not exist"),
        ("folder.pth", Path.mkdir, "is a folder"),
        ("w.dat", lambda path: path.write_bytes(b""), r"w.dat .* must end in .safetensors, .pth, .pt"),
        ("w.safetensors", safetensors_file(0.9), "w.safetensors is damaged"),
        ("w.safetensors", safetensors_file(0), "w.safetensors is damaged"),
        ("w.pth", torch_file(WEIGHTS, share=0.5), "w.pth is damaged"),
        ("w.pth", torch_file(WEIGHTS, share=0.5, zipped=False), "w.pth is damaged"),
        ("w.pth", torch_file(WEIGHTS, share=0), "w.pth is damaged: it ends too soon"),
        ("w.pth", lambda path: path.write_bytes(b"hello world" * 9), "w.pth is a text and no weights"),
        ("w.pt", torch_file(nn.Linear(2, 2)), r"more than tensors \(torch.nn.modules.linear.Linear\)"),
        (
            "w.pt",
            torch_file({"model": nn.Linear(2, 2)}),
            "its entry 'model' is no tensor but one torch.nn.*Linear; save",
        ),
        ("w.pt", scripted, "w.pt is a TorchScript archive, which holds code: open it where it was made"),
        ("w.pt", torch_file([torch.ones(2)]), "no state dict but one list"),
        ("w.pt", torch_file(torch.ones(2)), "no state dict but one Tensor"),
        ("w.pt", torch_file({"a": torch.ones(2), "epoch": 3}), "its entry 'epoch' is no tensor but one int"),
        ("w.pt", torch_file({3: torch.ones(2)}), "its entry 3 has no text for a name; save"),
        ("w.pt", torch_file({}), "holds no tensors"),
        ("w.pt", torch_file({"state_dict": {}}), "holds no tensors"),
    ],
)
def test_a_file_without_weights_is_refused(name: str, make: Callable[[Path], None], wrong: str, tmp_path: Path) -> None:
    make(tmp_path / name)
    with pytest.raises(InputError, match=wrong) as found:
        load_weights_file(tmp_path / name)
    assert len(str(found.value).splitlines()) == 1


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_ends_too_soon_is_one_error_wherever_it_ends(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(nn.Linear(2, 2).state_dict(), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for length in range(1, len(whole), 7 if zipped else 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            load_weights_file(path)
