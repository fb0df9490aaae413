"""What a file is that is no file of weights, by its first bytes: its kind, and what to do about it."""

import codecs
import zipfile
from collections.abc import Sequence
from pathlib import Path

HOW_TO_SAVE = "save its state_dict() with safetensors.torch.save_file instead"

_HEAD = 512  # bytes that are looked at
_TAR = 257  # where a tar archive says that it is one
_IN_TORCH = "open it where it was made, by {}, and " + HOW_TO_SAVE
_UNPACK = "unpack it and name the file that was in it"

_BEGINNINGS = (
    (b"version https://git-lfs", "a pointer of git-lfs and not the file itself", "get that with git lfs pull"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it", "torch reads none: convert the weights to safetensors"),
    (b"\x93NUMPY", "one array by numpy.save", "give each array its name with safetensors.numpy.save_file"),
    (b"GGUF", "a GGUF file, whose weights are quantised", "get them as safetensors"),
    (b"\x1f\x8b", "compressed by gzip", _UNPACK),
    (b"BZh", "compressed by bzip2", _UNPACK),
    (b"\xfd7zXZ\x00", "compressed by xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a rar archive", _UNPACK),
)
_PICKLED = "a pickle by pickle.dump, which could run any code", "open it where it was made, and " + HOW_TO_SAVE
_TEXT = "a text and no weights", "look what it says, and name the file of weights"
_PROTOCOLS = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
_BY_TORCH = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
"""What torch pickles first where it writes no zip archive."""
_IN_TEXTS = bytes({*range(0x20, 0x100), *b"\t\n\r\f"} - {0x7F})
_WEB = "a web page and not the file itself", "download the file that the page links to"
_SUFFIXES = {
    ".onnx": ("an ONNX graph", "torch reads none: " + HOW_TO_SAVE.replace("its", "the model's")),
    ".tflite": ("a TensorFlow Lite graph", "convert its weights to safetensors"),
    ".mlmodel": ("a Core ML model", "convert its weights to safetensors"),
    ".msgpack": ("a checkpoint of Flax", "save its arrays with safetensors.flax.save_file instead"),
    ".index": ("the index of a TensorFlow checkpoint", "convert the weights to safetensors"),
    ".json": ("JSON text and no weights", "name the file of weights that it speaks of"),
}


def other_kind(path: Path) -> str:
    """Return what the file is and what to do, ``a TorchScript archive: save ...``; nothing where it may hold weights.

    Told by its content, and by the suffix alone where formats begin with nothing of their own.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return ""
    found = _by_content(path, head) or _SUFFIXES.get(path.suffix) or (_TEXT if _is_text(head) else None)
    return "{}: {}".format(*found) if found else ""


def is_safetensors(path: Path) -> bool:
    """Tell whether the file begins as safetensors do, whatever its name: a length, and JSON of that length."""
    with path.open("rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= path.stat().st_size - 8


def _by_content(path: Path, head: bytes) -> tuple[str, str] | None:
    for beginning, kind, advice in _BEGINNINGS:
        if head.startswith(beginning):
            return kind, advice
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return _WEB
    if text.startswith((b'{"', b"{\n", b"{\r\n", b"{ ")):
        return _SUFFIXES[".json"]
    if head[_TAR : _TAR + 5] == b"ustar":
        return "a tar archive", _UNPACK
    if head[4:8] == b"TFL3":
        return _SUFFIXES[".tflite"]
    # protocol buffers have no magic number: ONNX begins with its version and then the text that names its producer
    if head[:1] == b"\x08" and head[2:3] in (b"\x12", b"\x1a", b"\x22", b"\x32", b"\x3a", b"\x42"):
        return _SUFFIXES[".onnx"]
    if head[:2] in _PROTOCOLS and head[8:9] != b"{" and _BY_TORCH not in head:  # safetensors may be of such a length
        return _PICKLED
    return _zipped(path) if head.startswith(b"PK") else None


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the beginning may end within a letter
    except UnicodeDecodeError:
        return False
    return bool(head) and not head.translate(None, _IN_TEXTS)


def _zipped(path: Path) -> tuple[str, str] | None:
    """Tell by its members what a zip archive is, which is the cover of many formats; None for torch's own."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return None  # cut off: whoever reads it says so
    if _has(names, "constants.pkl"):
        return "a TorchScript archive, which holds code", _IN_TORCH.format("torch.jit.load")
    if _has(names, "archive_format", "serialized_exported_program.json", "serialized_exported_program.pt"):
        return "a torch.export archive, which holds a graph", _IN_TORCH.format("torch.export.load")
    if _has(names, "extern_modules"):
        return "a torch.package archive, which holds code", _IN_TORCH.format("torch.package")
    if _has(names, "data.pkl"):
        return None
    if _has(names, "model.weights.h5"):
        return "a Keras model", "torch reads none: convert the weights to safetensors"
    if names and all(name.endswith(".npy") for name in names):
        return "an archive of arrays by numpy.savez", "write them with safetensors.numpy.save_file instead"
    return "a zip archive", _UNPACK


def _has(names: Sequence[str], *wanted: str) -> bool:
    return any(name.rpartition("/")[2] in wanted for name in names)
