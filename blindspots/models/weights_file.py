"""Weights out of a file that may come from anywhere: named tensors are read, code is never run."""

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from blindspots.errors import InputError

SUFFIXES = (".safetensors", ".pth", ".pt")

_HOW_TO_SAVE = "save its state_dict() with safetensors.torch.save_file instead"


def load_weights_file(path: str | Path) -> dict[str, torch.Tensor]:
    """Return the tensors in a file of weights by name, on the CPU, in the dtypes of the file.

    ``path``: a ``.safetensors`` file, or what ``torch.save`` made of a state dict, ``.pth`` or ``.pt``, which is read
    by ``torch.load(weights_only=True)``. A state dict inside ``{"state_dict": ...}`` is taken out of it, and a prefix
    ``module.`` that all names share is dropped.

    Raises :class:`InputError` for a file that is missing, damaged or of another suffix, one that would have to be
    unpickled (it could run code), and one that holds no state dict.
    """
    path = Path(path).expanduser()
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path.name} is no file of weights: its name must end in {', '.join(SUFFIXES)}")
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"the file of weights {path} {what}; name one that ends in {', '.join(SUFFIXES)}")
    content = _safetensors(path) if path.suffix == ".safetensors" else _saved_by_torch(path)
    return _state_dict(content, path.name)


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Return copies with torch's own alignment, since that of a mapped file can change a product's last bits."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise _damaged(path, error) from None


def _saved_by_torch(path: Path) -> Any:
    if _is_torchscript(path):
        raise InputError(f"{path.name} is a TorchScript archive, which holds code: {_HOW_TO_SAVE}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols, which are no concern of the reader
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        if found is None:
            raise InputError(f"{path.name} is no file of weights by torch.save: {_HOW_TO_SAVE}") from None
        raise InputError(
            f"{path.name} holds more than tensors ({found[1]}), and unpickling that could run any code: {_HOW_TO_SAVE}"
        ) from None
    except (OSError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from None


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _damaged(path: Path, error: Exception) -> InputError:
    reason = (str(error).splitlines() or [""])[0] or "it ends too soon"
    return InputError(f"the file of weights {path.name} is damaged: {reason[:120]}; get it again")


def _state_dict(content: Any, name: str) -> dict[str, torch.Tensor]:
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise InputError(f"{name} holds no state dict but one {type(content).__name__}: save a model's state_dict()")
    wrong = next((key for key, value in content.items() if not _is_weight(key, value)), None)
    if wrong is not None:
        raise InputError(
            f"{name} holds no state dict: its entry {wrong!r} is no tensor but one {type(content[wrong]).__name__}"
        )
    if not content:
        raise InputError(f"{name} holds no tensors: save a model's state_dict()")
    prefix = "module." if all(key.startswith("module.") for key in content) else ""
    return {key.removeprefix(prefix): value.detach() for key, value in content.items()}


def _is_weight(key: Any, value: Any) -> bool:
    return isinstance(key, str) and isinstance(value, torch.Tensor)
