"""Data sets that are written whole: a group each, in the place of what was there."""

import warnings

import xarray as xr

from blindspots.store import layout
from blindspots.store.place import Place


def write_dataset(place: Place, group: str, dataset: xr.Dataset) -> None:
    """Write a data set as a group of the hierarchy, in which the groups above it are there."""
    with warnings.catch_warnings(), place.written_zarr(layout.in_hierarchy(group)) as store:
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        dataset.to_zarr(store, mode="w", zarr_format=3, consolidated=False)
