"""Opening a store to read it."""

from pathlib import Path
from typing import Any

import xarray as xr

from blindspots.errors import InputError
from blindspots.store.layout import Layout
from blindspots.store.root import stored


def open_study(root: str | Path, *, chunks: Any = "auto") -> xr.DataTree:
    """Return everything stored in ``root`` as a lazy DataTree: ``sets``, ``references``, ``transfer``, ``training``.

    ``chunks`` is xarray's: Dask arrays by default, None for arrays that are read when they are looked at.

    The same as ``xarray.open_datatree(root / "study.zarr", engine="zarr")``, with an :class:`InputError` where no
    study lies there.
    """
    layout = Layout.at(root)
    if stored(layout) is None or not layout.zarr.is_dir():
        raise InputError(f"there is no study in {layout.root}; make one with: blindspots run --root {root}")
    consolidated = "consolidated_metadata" in (layout.zarr / "zarr.json").read_text(encoding="utf-8")
    return xr.open_datatree(layout.zarr, engine="zarr", consolidated=consolidated, chunks=chunks)
