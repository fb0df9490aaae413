"""Data sets that are written whole: a group each, in the place of what was there.

Numbers have a checksum, so that whoever reads them meets a bit that flipped.
"""

import warnings

import xarray as xr
from zarr.codecs import BloscCodec, Crc32cCodec

from blindspots.store import layout
from blindspots.store.place import Place

_NUMBERS = "biufc"
"""The kinds of dtype whose bytes a checksum is written behind; text has an encoding of its own."""


def write_dataset(place: Place, group: str, dataset: xr.Dataset) -> None:
    """Write a data set as a group of the hierarchy, in which the groups above it are there."""
    dataset = dataset.copy()
    for array in dataset.variables.values():
        if array.dtype.kind in _NUMBERS:
            array.encoding = {**array.encoding, "compressors": (BloscCodec(cname="zstd"), Crc32cCodec())}
    with warnings.catch_warnings(), place.written_zarr(layout.in_hierarchy(group)) as store:
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        dataset.to_zarr(store, mode="w", zarr_format=3, consolidated=False)
