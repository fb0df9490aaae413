"""A data set is written whole on every kind of place, whatever was there."""

import numpy as np
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
