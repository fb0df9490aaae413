"""IDX, the file format of MNIST: a magic number, the sizes, then the bytes."""

import gzip
import io
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blindspots.errors import InputError

_UNSIGNED_BYTE = 0x08
_LONGEST_HEADER = 20
_MOST_BYTES = 1 << 33


def files_called(name: str, folder: Path) -> Iterator[Path]:
    """Yield the files in ``folder`` that are the IDX file ``name``, raw or gzipped, as people lay them out.

    In the folder itself; in ``raw``, as torchvision has it, below it or one deeper (``MNIST/raw``); in a folder of any
    name below it; with a dot for the dash before ``idx``, and in a folder of the file's own name, as archives unpack.
    """
    for variant in (name, name.replace("-idx", ".idx")):
        for below in ("", "raw/", "*/", "*/raw/", f"{variant}/", f"*/{variant}/"):
            for suffix in ("", ".gz"):
                yield from sorted(path for path in folder.glob(f"{below}{variant}{suffix}") if path.is_file())


def decompressed(content: bytes, name: str) -> bytes:
    """Return ``content`` without its gzip compression, where it has one; ``name`` is said in the error.

    No more is unpacked than the file's own header speaks of, and a byte: a thousandth of that can be a gzip file.
    """
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            begin = file.read(_LONGEST_HEADER)
            dims = min(begin[3], 4) if len(begin) == _LONGEST_HEADER and begin[:3] == b"\0\0\x08" else 0
            wanted = 4 + 4 * dims + math.prod(struct.unpack(f">{dims}I", begin[4 : 4 + 4 * dims])) if dims else 0
            if wanted > _MOST_BYTES:
                raise InputError(f"{name} speaks of {wanted} bytes in its header; at most {_MOST_BYTES} are read")
            return begin + file.read(max(0, wanted + 1 - len(begin)))
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} is a damaged gzip file ({error}); fetch it again") from None


def parse_idx(content: bytes, name: str) -> np.ndarray:
    """Return the array of unsigned bytes in an IDX file's content; ``name`` is said in the error.

    Raises :class:`InputError` for another magic number, another type of value, or a length that does not fit the sizes.
    """
    if len(content) < 4:
        raise InputError(f"{name} has {len(content)} bytes, too few for an IDX file; fetch it again")
    zeros, kind, dims = struct.unpack(">HBB", content[:4])
    if zeros != 0 or kind != _UNSIGNED_BYTE or not 1 <= dims <= 4:
        raise InputError(f"{name} begins with {content[:4].hex()}, which is no IDX file of unsigned bytes (000008..)")
    start = 4 + 4 * dims
    if len(content) < start:
        raise InputError(f"{name} is cut off in its header; fetch it again")
    shape = struct.unpack(f">{dims}I", content[4:start])
    wanted = start + math.prod(shape)
    if len(content) != wanted:
        raise InputError(f"{name} has {len(content)} bytes, but its header speaks of {wanted}; fetch it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
