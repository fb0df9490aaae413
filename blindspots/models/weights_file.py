"""Weights out of a file that may come from anywhere: named tensors are read, code is never run."""

import pickle
import re
import struct
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy._core.multiarray import _reconstruct
from safetensors import SafetensorError, safe_open

from blindspots.errors import InputError
from blindspots.models.file_kinds import HOW_TO_SAVE, is_safetensors, other_kind
from blindspots.models.state_dict import state_dict_of
from blindspots.paths import expanded

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".pth.tar")


def _plain_dict(*_: Any) -> OrderedDict[Any, Any]:
    """Stand for ``collections.defaultdict``, less its default."""
    return OrderedDict()


_HARMLESS: list[Any] = [
    (_plain_dict, "collections.defaultdict"),
    *((_reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *(np.ndarray, np.dtype),
    *{type(np.dtype(code)) for code in "?bBhHiIlLefd"},
]
"""What rebuilds arrays of numbers and mappings, and nothing else."""


_OF_DAMAGE = (
    *(OSError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError),
    *(struct.error, MemoryError, OverflowError),  # of lengths and numbers that are read of other bytes
)
"""What is raised where a file's bytes are not those that were written."""


class _StandIn:
    """What stands for an object of a class that is not torch's: the class is neither imported nor run."""

    def __new__(cls, *_: Any) -> Self:
        """Take what the class would be called with, and leave it."""
        return super().__new__(cls)

    def __init__(self, *_: Any) -> None:
        """Do nothing."""

    def __setstate__(self, _: Any) -> None:
        """Take what the object held, and leave it."""


def load_weights_file(path: str | Path) -> dict[str, torch.Tensor]:
    """Return the tensors in a file of weights by name, on the CPU, in the dtypes of the file.

    ``path``: a file of safetensors, or what ``torch.save`` made of a state dict or of a checkpoint with one in it,
    which is read by ``torch.load(weights_only=True)``; which of the two is told by the content. In a checkpoint the
    weights are found as :func:`~blindspots.models.state_dict.state_dict_of` says. Whatever else was saved beside them,
    such as a script's arguments, is not looked at: objects of classes that are not torch's are replaced by stand-ins.

    Raises :class:`InputError` for a file that is missing or damaged, one of another kind, which is said, one that is
    a whole module and would have to be unpickled (it could run code), and one that holds no state dict.
    """
    path = expanded(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"the file of weights {path} {what}; name one that ends in {', '.join(SUFFIXES)}")
    kind = other_kind(path)
    if kind:
        raise InputError(f"{path.name} is {kind}")
    if not path.name.endswith(SUFFIXES):
        raise InputError(f"{path.name} is no file of weights: its name must end in {', '.join(SUFFIXES)}")
    content = _safetensors(path) if _looks_safe(path) else _saved_by_torch(path)
    return state_dict_of(content, path.name)


def _looks_safe(path: Path) -> bool:
    """Tell whether it is a file of safetensors, by its content or, where that says nothing, by its name."""
    try:
        return is_safetensors(path) or (path.suffix == ".safetensors" and not _by_torch(path))
    except OSError as error:
        raise _damaged(path, error) from None


def _by_torch(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02")


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Return copies with torch's own alignment, since that of a mapped file can change a product's last bits."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise _damaged(path, error) from None


def _saved_by_torch(path: Path) -> Any:
    """Return what was saved, with a stand-in of its own class for each that is neither torch's nor an array."""
    stand_ins: dict[str, Any] = {}
    while True:
        names = ((stand_in, f"{module}{name}") for name, stand_in in stand_ins.items() for module in ("", "builtins."))
        try:
            # an open file, since torch goes by the suffix of a name
            with (
                path.open("rb") as file,
                warnings.catch_warnings(),
                torch.serialization.safe_globals([*_HARMLESS, *names]),
            ):
                warnings.simplefilter("ignore")  # of pickle protocols, which are no concern of the reader
                content = torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            found = re.search(r"GLOBAL (\S+) was not", str(error))
            if found is None or found[1] in stand_ins:
                raise _not_read(path, error) from None
            stand_ins[found[1]] = type(found[1], (_StandIn,), {})
        except _OF_DAMAGE as error:
            raise _damaged(path, error) from None
        else:
            if isinstance(content, _StandIn):
                raise _holds_code(path, type(content).__name__)
            return content


def _not_read(path: Path, error: Exception) -> InputError:
    found = re.search(r"GLOBAL (\S+)", str(error))
    if found is not None:
        return _holds_code(path, found[1])
    return InputError(f"{path.name} is no file of weights by torch.save: {HOW_TO_SAVE}")


def _holds_code(path: Path, name: str) -> InputError:
    return InputError(
        f"{path.name} holds more than tensors ({name}), and unpickling that could run any code: {HOW_TO_SAVE}"
    )


def _damaged(path: Path, error: Exception) -> InputError:
    reason = (str(error).splitlines() or [""])[0] or "it ends too soon"
    return InputError(f"the file of weights {path.name} is damaged: {reason[:120]}; get it again")
