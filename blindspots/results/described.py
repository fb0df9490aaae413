"""What every array and coordinate of a store is, in words and units, where the store itself does not say it.

Names of models and of dimensions, and the intervals beside a table's numbers, are stored without. To add it there would
change files whose hashes are sealed; so it is said when a study is opened, also of stores of before.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

_NAMES: Mapping[str, str] = {
    "source": "whose set is shown: a model, noise, or clean, the images as they are",
    "target": "model that the set is shown to",
    "model": "model of the study",
    "seed": "number of the weights that a model was begun from",
    "split": "part of the data set",
    "rule": "how target classes are chosen; none where there are none",
    "variant": "how a set is shown: plain, or amplified to one distortion",
    "kind": "how directions in a layer are drawn",
    "measure": "by what images are compared",
    "view": "whether activations are taken as they are, or at unit length",
    "where": "where random directions end: on a sphere, or in the box of images",
    "row": "row of the paper's table 5",
    "layer": "name of the layer in the network",
    "state": "why a row has no numbers of ours; empty where it has",
    "size": "size of the layer's weights",
    "stride": "stride of the layer",
    "trained_on": "split that the model was trained on",
    "paper_name": "name of the model in the paper",
    "reader_name": "name of the model as tables print it",
    "source_name": "name of the source as tables print it",
    "target_name": "name of the target as tables print it",
    "paper_size": "size of the layer's weights in the paper",
    "paper_stride": "stride of the layer in the paper",
    "paper_printed": "as the paper prints it",
    "lower": "lower bound of the layer's Lipschitz constant, of the input as fed",
    "upper": "upper bound of the layer's Lipschitz constant, of the input as fed",
    "lower_per_pixel": "the lower bound per unit of a pixel in [0, 1]",
    "upper_per_pixel": "the upper bound per unit of a pixel in [0, 1]",
    "printed": "equation (1) as printed, of a convolution; no bound",
    "corrected": "equation (1) corrected, of a convolution; no bound",
    "reshaped": "norm of the kernel as a matrix (outputs, the rest); no bound",
}
"""By the name of an array; those that are numbers have no dimension."""

_BESIDE: Mapping[str, tuple[str, bool]] = {
    "_paper_printed": ("{} in the paper, as it is printed there", False),
    "_paper_low": ("lower end of the interval of the paper's {}, with its rounding", True),
    "_paper_high": ("upper end of the interval of the paper's {}, with its rounding", True),
    "_paper_n": ("images behind the paper's {}", False),
    "_paper": ("{} in the paper", True),
    "_low": ("lower end of the 95% interval of: {}", True),
    "_high": ("upper end of the 95% interval of: {}", True),
    "_misread": ("images misread in: {}", False),
    "_n": ("images behind: {}", False),
    "_overlap": ("1: its interval and the paper's overlap, 0: they do not, -1: not in the paper: {}", False),
    "_spread": ("standard deviation over seeds of: {}", True),
}
"""What stands beside another array, by the end of its name; and whether it has that one's units."""

_DIMENSIONLESS = "1"


def describe(tree: xr.DataTree) -> xr.DataTree:
    """Have every array and coordinate of a store say what it is (``long_name``) and in which ``units``; return it.

    What is said already stays. Nothing is read.
    """
    for node in tree.subtree:
        arrays = {str(name): array for name, array in node.variables.items()}
        for name, array in arrays.items():
            for key, value in described(name, arrays).items():
                array.attrs.setdefault(key, value)
    return tree


def described(name: str, arrays: Mapping[str, Any]) -> dict[str, str]:
    """Return ``long_name`` and ``units`` for an array of a group, by its name, its values' kind and those beside it.

    Units are left out where they are not known: of numbers that somebody else's table holds.
    """
    attributes: Mapping[str, str] = arrays[name].attrs
    about, units = attributes.get("long_name"), attributes.get("units")
    for end, (words, same) in _BESIDE.items():
        base = name.removesuffix(end)
        if base != name and base in arrays and name not in _NAMES:
            beside = described(base, arrays)
            about = about or words.format(beside["long_name"])
            units = units or (beside.get("units") if same else _DIMENSIONLESS)
            break
    dtype = np.dtype(arrays[name].dtype)
    known = name in _NAMES or about is not None or dtype.kind not in "iufc"
    about = about or _NAMES.get(name) or name.replace("_", " ")
    units = units or (_DIMENSIONLESS if known else None)
    return {"long_name": about} | ({"units": units} if units else {})
