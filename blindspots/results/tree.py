"""Opening a store to read it."""

from pathlib import Path

import xarray as xr

from blindspots.errors import InputError
from blindspots.store.layout import Layout
from blindspots.store.root import stored


def open_study(root: str | Path, *, lazy: bool = True) -> xr.DataTree:
    """Return the store in ``root`` as a DataTree: ``sets``, ``references``, ``transfer``, ``training``, ``tables``.

    ``lazy``: as Dask arrays along the stored chunks, so that sets larger than memory can be reduced; otherwise as
    arrays that are read whole when they are looked at.

    The same as ``xarray.open_datatree(root / "study.zarr", engine="zarr")``, with an :class:`InputError` where no
    study lies there.
    """
    layout = Layout.at(root)
    if stored(layout) is None or not layout.zarr.is_dir():
        raise InputError(f"there is no study in {layout.root}; make one with: blindspots run --root {root}")
    consolidated = "consolidated_metadata" in (layout.zarr / "zarr.json").read_text(encoding="utf-8")
    return xr.open_datatree(layout.zarr, engine="zarr", consolidated=consolidated, chunks={} if lazy else None)
