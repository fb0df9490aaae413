"""Figures by number or name."""

from pathlib import Path

import pytest
import xarray as xr

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.figures import FIGURES, build_figure
from blindspots.store.layout import Layout
from blindspots.study.study import Study


@pytest.fixture
def tree(tiny_root: Path) -> xr.DataTree:
    return xr.open_datatree(tiny_root / "study.zarr", engine="zarr", chunks=None)


@pytest.mark.parametrize(
    ("name", "axes"), [(7, 3), ("7", 3), ("transfer", 4), ("distortions", 2), ("training", 3), ("negatives", 2)]
)
def test_a_figure_is_drawn_by_number_or_name(
    name: int | str, axes: int, tree: xr.DataTree, tiny: Study, mnist: Dataset
) -> None:
    assert str(name) in FIGURES
    assert len(build_figure(name, tree, tiny, mnist).axes) == axes


def test_what_cannot_be_drawn_is_refused(tiny_root: Path, tree: xr.DataTree, tiny: Study, mnist: Dataset) -> None:
    with pytest.raises(InputError, match="there is no figure 3; those drawn are 7, transfer, distortions, filters"):
        build_figure(3, tree, tiny, mnist)
    with pytest.raises(InputError, match="name the store's layout"):
        build_figure("filters", tree, tiny, mnist)
    with pytest.raises(InputError, match="the study tiny has no autoencoder"):
        build_figure("filters", tree, tiny, mnist, Layout.at(tiny_root))
