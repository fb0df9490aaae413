"""The hierarchy of a store as xarray's DataTree."""

from pathlib import Path

import xarray as xr

from blindspots.errors import InputError
from blindspots.store import layout
from blindspots.store.arrays import is_sealed
from blindspots.store.place import Place
from blindspots.store.root import stored

MENDED = "blindspots verify --repair and then blindspots run make them anew"


def open_study(root: str | Path, *, lazy: bool = True) -> xr.DataTree:
    """Return the store in ``root`` as a DataTree: ``sets``, ``references``, ``transfer``, ``training``, ``tables``.

    ``lazy``: as Dask arrays along the stored chunks, so that sets larger than memory can be reduced; otherwise as
    arrays that are read whole when they are looked at.

    The same as ``xarray.open_datatree(root / "study.zarr", engine="zarr")``, with an :class:`InputError` where no
    study lies there.
    """
    place = Place.at(root)
    if stored(place) is None:
        raise InputError(f"there is no study in {place}; make one with: blindspots run --root {root}")
    return open_tree(place, lazy=lazy)


def open_tree(place: Place, *, lazy: bool) -> xr.DataTree:
    """Return the hierarchy of a store; raise :class:`InputError` where nothing has been made in it yet."""
    if not place.has(layout.HIERARCHY_METADATA):
        raise InputError(f"there is no study in {place}; make one with: blindspots run --root {place}")
    try:
        return xr.open_datatree(
            place.path(layout.ZARR), engine="zarr", consolidated=is_sealed(place), chunks={} if lazy else None
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"the metadata of the store in {place} are damaged ({reason[:80]}); {MENDED}") from None


def check_whole(place: Place, group: str, found: xr.Dataset) -> None:
    """Raise :class:`InputError` where arrays of ``group`` lie in the store that ``found``, read from there, lacks."""
    there = {
        name for name in place.names(f"{layout.ZARR}/{group}") if place.has_folder(f"{layout.ZARR}/{group}/{name}")
    }
    lost = sorted(there - {str(name) for name in found.variables})
    if lost and found.variables:
        raise InputError(f"the metadata of {group}/{lost[0]} in the store are damaged; {MENDED}")
