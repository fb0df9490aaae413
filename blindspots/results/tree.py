"""The hierarchy of a store as xarray's DataTree."""

from collections.abc import Collection
from pathlib import Path

import xarray as xr
from zarr.errors import ContainsArrayError, GroupNotFoundError

from blindspots.errors import InputError
from blindspots.results.described import describe
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.root import study_in
from blindspots.store.sealing import is_sealed

MENDED = "blindspots verify --repair and then blindspots run make them anew"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What zarr and xarray raise where metadata cannot be read."""


def open_study(root: str | Path, *, lazy: bool = True) -> xr.DataTree:
    """Return the store in ``root`` as a DataTree: ``sets``, ``references``, ``transfer``, ``training``, ``tables``.

    ``lazy``: as Dask arrays along the stored chunks, so that sets larger than memory can be reduced; otherwise as
    arrays that are read whole when they are looked at.

    The same as ``xarray.open_datatree(root / "study.zarr", engine="zarr")``, with ``long_name`` and ``units`` on every
    array and coordinate, and an :class:`InputError` where no study lies there.
    """
    place = Place.at(root)
    study_in(place, root=root)
    return open_tree(place, lazy=lazy)


def open_tree(place: Place, *, lazy: bool) -> xr.DataTree:
    """Return the hierarchy of a store; raise :class:`InputError` where nothing has been made in it yet."""
    _check_begun(place)
    try:
        return describe(
            xr.open_datatree(
                place.zarr(layout.ZARR), engine="zarr", consolidated=is_sealed(place), chunks={} if lazy else None
            )
        )
    except UNREADABLE as error:
        raise _damaged(place, error) from None


def open_group(place: Place, group: str, *, indexed: bool = True) -> xr.Dataset | None:
    """Return the arrays of one group, or None where there is no such group or it is empty; no other is opened.

    ``indexed``: with an index over each dimension that has values, such as ``example``, which are read for it.

    Raises :class:`InputError` where nothing has been made in the store yet, or an array is lost, its metadata damaged.
    """
    _check_begun(place)
    try:
        found: xr.Dataset = xr.open_zarr(
            place.zarr(layout.ZARR),
            group=group,
            consolidated=False,
            chunks=None,
            create_default_indexes=indexed,
        )
    except (GroupNotFoundError, ContainsArrayError):
        return None
    except UNREADABLE as error:
        raise _damaged(place, error) from None
    if not found.data_vars:
        found.close()
        return None
    check_whole(place, group, found)
    return found


def check_whole(place: Place, group: str, found: xr.Dataset) -> None:
    """Raise :class:`InputError` where arrays of ``group`` lie in the store that ``found``, read from there, lacks."""
    there = set(place.folders(f"{layout.ZARR}/{group}"))
    lost = sorted(there - {str(name) for name in found.variables})
    if lost and found.variables:
        raise InputError(f"the metadata of {group}/{lost[0]} in the store are damaged; {MENDED}")


def check_done(place: Place, group: str, found: xr.Dataset) -> None:
    """Raise :class:`InputError` where a set of examples lacks files: it is not finished, or damaged.

    They would be read as if they held zeros. None of them is read, and other groups are not looked at.
    """
    if "shard" in found.attrs:  # a set, whose arrays have every file once it is done, whatever the values
        arrays = [found[name] for name, array in found.variables.items() if array.dims[:1] == ("example",)]
        there = set(place.files(layout.in_hierarchy(group))) if place.reads_ahead else None
        for array in arrays:
            check_files(place, group, array, there=there)


def check_files(place: Place, group: str, array: xr.DataArray, *, there: Collection[str] | None = None) -> None:
    """Raise :class:`InputError` where files of an array lack, along its first dimension; none of them is read.

    ``there``: the files below the group, where they are known.
    """
    grid = array.encoding.get("shards") or array.encoding.get("chunks") or array.shape
    wanted = -(-array.shape[0] // grid[0]) if array.shape else 1
    first = layout.chunk(group, str(array.name), ())
    keys = (
        layout.chunk(group, str(array.name), (index, *(0 for _ in array.shape[1:]))[: array.ndim])
        for index in range(wanted)
    )
    if there is None and array.ndim and (place.reads_ahead or array.ndim == 1):  # one listing, whatever is asked of it
        there = set(place.files(first))
    whole = all(map(place.has, keys)) if there is None else all(key in there for key in keys)
    if not whole:
        raise InputError(
            f"files of {group}/{array.name} in the store are missing; {MENDED}, unless one is at work there"
        )


def _check_begun(place: Place) -> None:
    """Raise :class:`InputError` where nothing has been made in the store yet."""
    if not place.has(layout.HIERARCHY_METADATA):
        raise InputError(f"there is no study in {place}; make one with: blindspots run --root {place}")


def _damaged(place: Place, error: Exception) -> InputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return InputError(f"the metadata of the store in {place} are damaged ({reason[:80]}); {MENDED}")
