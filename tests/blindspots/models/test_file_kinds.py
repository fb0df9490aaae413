"""Files that hold no weights for torch: each is named for what it is, with what to do."""

import gzip
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from blindspots.errors import InputError
from blindspots.models.file_kinds import is_safetensors, other_kind
from blindspots.models.weights_file import load_weights_file


def written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def zipped(*names: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"x")

    return make


def tarred(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "w.pth")


def pickled(protocol: int, torch_s: bool = True) -> Callable[[Path], object]:
    weights = nn.Linear(2, 2).state_dict()
    given = weights if torch_s else {name: value.numpy() for name, value in weights.items()}
    return lambda path: path.write_bytes(pickle.dumps(given, protocol=protocol))


def arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(2))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            written(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
            "a pointer of git-lfs .* git lfs pull",
        ),
        (written(b"\n<!DOCTYPE html><html>"), "a web page and not the file itself: download"),
        (written(b"<?xml version='1.0'?><Error/>"), "a web page"),
        (written(b'{"weight_map": {}}'), "JSON text .* name the file of weights"),
        (written(b"\x89HDF\r\n\x1a\n" + bytes(99)), "an HDF5 file, as Keras writes it"),
        (written(b"\x08\x07\x12\x07pytorch" + bytes(99)), "an ONNX graph: torch reads none"),
        (written(b"\x1c\0\0\0TFL3" + bytes(99)), "a TensorFlow Lite graph"),
        (written(gzip.compress(b"weights")), "compressed by gzip: unpack it"),
        (lambda path: np.save(path.open("wb"), np.ones(2)), "one array by numpy.save"),
        (arrays, "an archive of arrays by numpy.savez: .* safetensors.numpy.save_file"),
        (pickled(2), "a pickle by pickle.dump, .* could run any code: open it where"),
        (pickled(4, torch_s=False), "a pickle by pickle.dump"),
        (written(b"a,b\n1,2\n"), "a text and no weights: look what it says"),
        (written("Größe".encode() * 99), "a text and no weights"),
        (tarred, "a tar archive: unpack it"),
        (zipped("config.json", "model.weights.h5"), "a Keras model"),
        (zipped("weights/w.pth"), "a zip archive: unpack it"),
        (zipped("m/constants.pkl", "m/data.pkl"), "a TorchScript archive, which holds code: .* torch.jit.load"),
        # members of torch.export's archives, of torch 2.13 and 2.6: to make one takes seconds
        (zipped("w/archive_format", "w/models/model.json", "w/data/weights/model.pt"), "a torch.export archive, which"),
        (zipped("serialized_exported_program.json", "version"), "a torch.export archive, .* torch.export.load"),
        (zipped("m/.data/extern_modules", "m/data.pkl"), "a torch.package archive"),
    ],
)
def test_a_file_is_named_for_what_it_is(make: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    for name in ("w.pth", "w.safetensors"):
        make(tmp_path / name)
        with pytest.raises(InputError, match=rf"^{name} is {said}") as found:
            load_weights_file(tmp_path / name)
        assert "damaged" not in str(found.value)
        assert len(str(found.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["w.onnx", "w.tflite", "w.msgpack"])
def test_a_format_without_a_beginning_of_its_own_is_known_by_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(bytes(99))
    assert other_kind(tmp_path / name)


def test_what_may_hold_weights_is_no_other_kind(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "w.pth")
    assert is_safetensors(tmp_path / "w.pth")
    assert other_kind(tmp_path / "w.pth") == ""
    for zipped, protocol in ((True, 2), (False, 2), (False, 4)):
        torch.save(
            {"a": torch.ones(2)},
            tmp_path / "w.pt",
            _use_new_zipfile_serialization=zipped,
            pickle_protocol=protocol,
        )
        assert not is_safetensors(tmp_path / "w.pt")
        assert other_kind(tmp_path / "w.pt") == ""
    assert other_kind(tmp_path / "none.pt") == ""
    header = b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'.ljust(0x280)
    (tmp_path / "w.pth").write_bytes(len(header).to_bytes(8, "little") + header)  # begins as a pickle does
    assert other_kind(tmp_path / "w.pth") == ""
    assert load_weights_file(tmp_path / "w.pth").keys() == {"a"}
