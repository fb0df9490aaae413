"""A data set is written whole on every kind of place, whatever was there."""

import numpy as np
import pytest
import xarray as xr
import zarr

from blindspots.store import layout
from blindspots.store.arrays import open_root
from blindspots.store.datasets import write_dataset
from blindspots.store.place import Place


def test_a_data_set_takes_the_place_of_what_was_there(any_place: Place) -> None:
    first = xr.Dataset({"gone": ("of", np.arange(3))})
    names = np.array(["a", "bé"], dtype=np.dtypes.StringDType())
    second = xr.Dataset({"rate": ("model", [0.5, np.nan])}, {"model": names}, attrs={"title": "rates"})
    open_root(any_place).require_group("tables/more")
    for dataset in (first, second):
        write_dataset(any_place, "tables/more/table1", dataset)
        hierarchy = any_place.zarr(layout.ZARR)
        with xr.open_zarr(hierarchy, group="tables/more/table1", consolidated=False, chunks=None) as found:
            xr.testing.assert_identical(found.load(), dataset)
    folder = layout.in_hierarchy("tables/more/table1")
    assert any_place.folders(folder) == ["model", "rate"]
    assert isinstance(zarr.open(hierarchy, path="tables", mode="r"), zarr.Group)


def test_a_flipped_bit_of_a_number_is_met_by_whoever_reads_it(any_place: Place) -> None:
    open_root(any_place).require_group("spectral")
    numbers = xr.Dataset({"upper": ("layer", np.arange(64) / 7)}, {"layer": np.arange(64)})
    write_dataset(any_place, "spectral/a", numbers)
    hierarchy = any_place.zarr(layout.ZARR)
    for name in ("upper", "layer"):
        key = layout.chunk("spectral/a", name, (0,))
        content = any_place.read(key)
        for at in range(0, len(content), 16):
            any_place.write(key, content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :])
            with (
                pytest.raises(Exception, match=r"."),
                xr.open_zarr(hierarchy, group="spectral/a", consolidated=False, chunks=None) as found,
            ):
                found.load()
        any_place.write(key, content)
    assert not numbers.upper.encoding


def test_what_was_written_before_there_was_a_checksum_is_read_as_it_was(any_place: Place) -> None:
    numbers = xr.Dataset({"upper": ("layer", np.arange(64) / 7)}, {"layer": np.arange(64)})
    open_root(any_place).require_group("spectral")
    with any_place.written_zarr(layout.in_hierarchy("spectral/a")) as store:
        numbers.to_zarr(store, mode="w", zarr_format=3, consolidated=False)
    hierarchy = any_place.zarr(layout.ZARR)
    with xr.open_zarr(hierarchy, group="spectral/a", consolidated=False, chunks=None) as found:
        before = found.load()
    write_dataset(any_place, "spectral/a", before)  # with the encoding that it was read with
    with xr.open_zarr(hierarchy, group="spectral/a", consolidated=False, chunks=None) as found:
        xr.testing.assert_identical(found.load(), numbers)
        assert [type(codec).__name__ for codec in found.upper.encoding["compressors"]] == ["BloscCodec", "Crc32cCodec"]
