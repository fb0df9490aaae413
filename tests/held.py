"""Results of a study whose arrays are written by hand, in memory, as tests want them."""

from pathlib import Path

import xarray as xr

from blindspots.results.results import Results
from blindspots.store.place import Place
from blindspots.study.study import Study


class Held(Results):
    """Results that hold a DataTree instead of reading a store; no table was drawn before.

    ``root``: where the weights lie, for what is drawn from them.
    """

    def __init__(self, tree: xr.DataTree, study: Study, root: Path | None = None) -> None:
        vars(self).update(vars(Results.of(Place.at(root or "nowhere"), study)))
        self.tree = tree

    def find(self, group: str) -> xr.Dataset | None:
        try:
            found = self.tree[group]
        except KeyError:
            return None
        return found.to_dataset() if isinstance(found, xr.DataTree) and found.data_vars else None

    def column(self, group: str, name: str) -> xr.DataArray:
        return self.group(group)[name]

    def table(self, name: str) -> xr.Dataset | None:
        return None
