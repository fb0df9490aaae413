"""Receipts: the proof that a shard is done, written last and never inside the Zarr hierarchy.

A shard is done when its receipt exists, speaks of the same work (``identity``) and its content hash is that of what can
be read back. Everything else is work to do.
"""

import json
import os
import platform
import socket
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from blindspots.files import write_whole

_LIBRARIES = ("blindspots", "torch", "numpy", "scipy", "zarr")


@dataclass(frozen=True)
class Receipt:
    """What was done, from what, and who did it when."""

    identity: str
    """Hash of exactly what decides the content."""
    content: str
    """Hash of the decoded arrays, or of the weights' tensors."""
    seconds: float
    """Time the work took, the writing included."""
    arrays: dict[str, str] = field(default_factory=dict)
    """Hash of each array."""
    versions: dict[str, str] = field(default_factory=dict)
    host: str = ""
    process: int = 0
    device: str = "cpu"
    finished: str = ""


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that can change a number.

    A library that is imported says which build it is (``2.13.0+cpu``), which its package does not always.
    """
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = str(getattr(sys.modules.get(name), "__version__", None) or version(name))
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def write_receipt(
    path: Path, *, identity: str, content: str, arrays: dict[str, str], seconds: float, device: str
) -> Receipt:
    """Write the receipt of finished work to ``path`` and return it."""
    receipt = Receipt(
        identity=identity,
        content=content,
        seconds=round(seconds, 4),
        arrays=arrays,
        versions=library_versions(),
        host=socket.gethostname(),
        process=os.getpid(),
        device=device,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_whole(path, (json.dumps(asdict(receipt), indent=1) + "\n").encode())
    return receipt


def read_receipt(path: Path) -> Receipt | None:
    """Return the receipt at ``path``, or None where there is none or it cannot be read (then the work is not done)."""
    try:
        return Receipt(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
