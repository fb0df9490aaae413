"""Looking for what a store may lack: figures leave out what is not there, and say so."""

import xarray as xr


def stored_group(tree: xr.DataTree, path: str) -> xr.Dataset | None:
    """Return the arrays of the group ``path``, or None where the store has no such group or it is empty."""
    try:
        found = tree[path]
    except KeyError:
        return None
    return found.to_dataset() if isinstance(found, xr.DataTree) and found.data_vars else None
