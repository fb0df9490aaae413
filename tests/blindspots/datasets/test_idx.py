import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from blindspots.datasets.idx import decompressed, parse_idx
from blindspots.errors import InputError


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, max_side=6)))
def test_what_was_written_is_read(values: np.ndarray) -> None:
    found = parse_idx(idx(values), "file")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, values)


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, max_side=4)), st.data())
def test_any_other_length_is_refused(values: np.ndarray, data: st.DataObject) -> None:
    content = idx(values)
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(InputError, match=r"the-file .*fetch it again"):
        parse_idx(content[:cut], "the-file")
    with pytest.raises(InputError, match="but its header speaks of"):
        parse_idx(content + b"\x00", "the-file")


@pytest.mark.parametrize("start", [b"\x00\x00\x0d\x01", b"\x00\x01\x08\x01", b"\x00\x00\x08\x00", b"\x00\x00\x08\x07"])
def test_other_files_are_refused_by_their_first_bytes(start: bytes) -> None:
    with pytest.raises(InputError, match=f"begins with {start.hex()}"):
        parse_idx(start + bytes(100), "the-file")


def test_gzip_is_undone_and_damage_is_named() -> None:
    content = idx(np.arange(200, dtype=np.uint8))
    packed = gzip.compress(content)
    assert decompressed(packed, "file") == content
    assert decompressed(content, "file") == content
    for damaged in (packed[:-9], packed[:40] + b"\xff\xff\xff" + packed[43:]):
        with pytest.raises(InputError, match="the-file is a damaged gzip file"):
            decompressed(damaged, "the-file")


def test_no_more_is_unpacked_than_a_header_speaks_of() -> None:
    """A thousandth of it can be a gzip file: four zeros a byte would fill any memory."""
    content = idx(np.arange(200, dtype=np.uint8))
    packed = gzip.compress(content + bytes(50_000_000))
    assert len(packed) < 100_000
    assert len(decompressed(packed, "the-file")) == len(content) + 1
    with pytest.raises(InputError, match="but its header speaks of"):
        parse_idx(decompressed(packed, "the-file"), "the-file")
    assert len(decompressed(gzip.compress(bytes(50_000_000)), "the-file")) <= 21
    absurd = gzip.compress(b"\0\0\x08\x04" + b"\xff" * 16 + bytes(100))
    with pytest.raises(InputError, match=r"the-file speaks of .* bytes in its header; at most"):
        decompressed(absurd, "the-file")
