"""The figure of negatives out of the tiny study's store, and of rates written by hand."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures import save_figure
from blindspots.figures.negatives import draw_negatives, negatives_figure
from blindspots.negatives.flat_boundary import flat_boundary_share
from blindspots.results.results import Results
from blindspots.study.study import Study
from tests.held import Held


def table() -> xr.Dataset:
    """Two models: at 10 times the least both misread, at 3 times the second, whose interval reaches down to 0."""
    rate = np.array([[0, 0, 0.2], [0, 0.001, 0.4]])
    low, high = np.array([[0, 0, 0.1], [0, 0, 0.3]]), np.array([[0.03, 0.03, 0.3], [0.03, 0.03, 0.5]])
    dims = ("model", "where", "multiple")
    both = {name: (dims, np.stack([each, each], 1)) for name, each in {"rate": rate, "low": low, "high": high}.items()}
    return xr.Dataset(
        {**both, "resolution": (dims, np.full((2, 2, 3), 1e-4))},
        coords={"model": ["one", "two"], "where": ["sphere", "box"], "multiple": [1.0, 3.0, 10.0]},
        attrs={"values": 20},
    ).isel(multiple=[2, 0, 1])  # a study may name them in any order


def lines(axes: Axes, marker: str) -> list[tuple[list[float], list[float]]]:
    return [
        (line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axes.lines if line.get_marker() == marker
    ]


@pytest.mark.parametrize("where", ["sphere", "box"])
def test_rates_stand_at_their_multiples_and_zeros_as_upper_ends(where: str) -> None:
    axes = Figure().add_subplot()
    assert draw_negatives(axes, table(), where) is axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    (one, two), (none_one, none_two) = lines(axes, "o"), lines(axes, "v")
    assert (one[1], two[1]) == ([0.2], [0.001, 0.4])
    assert (none_one[1], none_two[1]) == ([0.03, 0.03], [0.03])
    assert two[0] == pytest.approx([3, 10], rel=0.05)
    assert none_one[0] == pytest.approx([1, 3], rel=0.05)
    assert one[0][0] < 10 < two[0][1]  # beside each other
    bottom = axes.get_ylim()[0]
    assert 1e-6 < bottom < 1e-4
    bars = [segment for bar in axes.collections for segment in bar.get_segments()]
    ends = [(float(segment[0][1]), float(segment[1][1])) for segment in bars]
    assert ends == [pytest.approx(each) for each in ((0.1, 0.3), (bottom, 0.03), (0.3, 0.5))]
    dotted = [line for line in axes.lines if line.get_color() == "#888888"]
    assert len(dotted) == (where == "sphere")
    for line in dotted:
        x, y = (np.asarray(each) for each in line.get_data())
        assert y[-1] == pytest.approx(flat_boundary_share(10, 20))
        assert y[100] == pytest.approx(flat_boundary_share(float(x[100]), 20))


def test_the_store_is_what_is_drawn(tiny_root: Path, tiny: Study, tmp_path: Path) -> None:
    results = Results(tiny_root)
    figure = negatives_figure(results)
    assert [axes.get_title().partition(":")[0] for axes in figure.axes] == ["on the sphere", "inside the box"]
    names = [text.get_text() for text in figure.legends[0].texts]
    assert names[:2] == ["FC10(1e-2)", "fc20-10"]
    for name in ("one.png", "two.png"):
        save_figure(negatives_figure(results), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with pytest.raises(InputError, match="the store lacks negatives/fc10/seed-0"):
        negatives_figure(Held(xr.DataTree(), tiny))


def test_nothing_shown_at_all_is_an_empty_panel() -> None:
    empty = table()
    for name in ("rate", "low", "high", "resolution"):
        empty[name] = empty[name] * np.nan
    axes = draw_negatives(Figure().add_subplot(), empty, "box")
    assert lines(axes, "o") == lines(axes, "v") == [([], [])] * 2
