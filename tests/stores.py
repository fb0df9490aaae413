"""Reading whole stores in tests, with the libraries alone, and having one say something else of itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from safetensors.numpy import load_file

from blindspots.store import layout
from blindspots.store import root as store_root
from blindspots.store.place import Place


def decoded(root: Path) -> dict[str, np.ndarray]:
    """Return every array of the store, decoded, and every tensor of the weights, by path."""
    group = zarr.open_group(str(root / "study.zarr"), mode="r", use_consolidated=False)
    found = {
        path: np.asarray(array[...]) for path, array in group.members(max_depth=None) if isinstance(array, zarr.Array)
    }
    for path in sorted((root / "models").rglob("*.safetensors")):
        for name, tensor in load_file(path).items():
            found[f"{path.relative_to(root)}:{name}"] = tensor
    return found


def assert_same_content(one: Path, other: Path) -> None:
    """Assert that two stores hold the same arrays, to the last bit."""
    left, right = decoded(one), decoded(other)
    assert left.keys() == right.keys()
    assert len(left) > 50
    for name, values in left.items():
        np.testing.assert_array_equal(values, right[name], err_msg=name)


def rewrite_study(root: str | Path, **changes: Any) -> None:
    """Have what a root says of itself say something else, as another version would have written it: whole."""
    place = Place.at(root)
    store_root._write(place, {**json.loads(place.read(layout.STUDY)), **changes})
