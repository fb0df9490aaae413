from pathlib import Path

import numpy as np
import xarray as xr

from blindspots.results.described import describe
from blindspots.results.tree import open_study


def test_every_array_of_a_study_says_what_it_is(tiny_root: Path) -> None:
    silent = []
    with open_study(tiny_root) as tree:
        for node in tree.subtree:
            for name, array in node.variables.items():
                if not {"long_name", "units"} <= set(array.attrs):
                    silent.append(f"{node.path}/{name}")
        success = tree["tables/table1"].variables
        assert success["success_low"].attrs["long_name"] == (
            "lower end of the 95% interval of: share of all images for which the search succeeded"
        )
        assert tree["tables/table1/distortion_paper"].attrs["units"] == "pixel value"
        assert tree["transfer/source"].attrs["long_name"].startswith("whose set is shown")
    assert silent == []


def test_what_is_said_stays_and_what_is_not_known_is_not_made_up() -> None:
    made = xr.Dataset(
        {
            "height": ("tree", np.ones(2), {"long_name": "height of the tree", "units": "m"}),
            "height_high": ("tree", np.ones(2)),
            "height_n": ("tree", np.ones(2, int)),
            "last_year": ("tree", np.ones(2)),
            "rule": ("tree", np.ones(2), {"long_name": "the length of a rule", "units": "cm"}),
        },
        {"tree": ["oak", "ash"]},
    )
    found = describe(xr.DataTree.from_dict({"mine": made}))["mine"].variables
    assert found["height"].attrs == {"long_name": "height of the tree", "units": "m"}
    assert found["height_high"].attrs == {
        "long_name": "upper end of the 95% interval of: height of the tree",
        "units": "m",
    }
    assert found["height_n"].attrs == {"long_name": "images behind: height of the tree", "units": "1"}
    assert found["last_year"].attrs == {"long_name": "last year"}  # of what, nobody says
    assert found["rule"].attrs == {"long_name": "the length of a rule", "units": "cm"}
    assert found["tree"].attrs == {"long_name": "tree", "units": "1"}
