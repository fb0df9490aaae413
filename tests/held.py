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
        self.tree, self.study, self._data, self._finished = tree, study, None, True
        if root is not None:
            self.place = Place.at(root)

    def table(self, name: str) -> xr.Dataset | None:
        return None
