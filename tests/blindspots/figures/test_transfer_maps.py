"""Heat maps of tables written by hand: every cell has a number of its own."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from blindspots.errors import InputError
from blindspots.figures.transfer_maps import draw_map, frame, maps_of, transfer_maps

MODELS, SOURCES = ["a", "b", "own"], ["a", "b", "own", "noise-0.1", "noise-0.1-clipped"]


def table(variants: tuple[str, ...] = ()) -> xr.Dataset:
    """Two rules; the paper has the models a and b and the noise as drawn; a to b disagrees under the rule random."""
    dims = ("rule", *(["variant"] if variants else []), "source", "target")
    shape = (2, *([len(variants)] if variants else []), len(SOURCES), len(MODELS))
    rate = np.arange(np.prod(shape)).reshape(shape) / 200
    paper, overlap = np.full(shape, np.nan), np.full(shape, -1)
    for row in (0, 1, 3):
        paper[..., row, :2], overlap[..., row, :2] = 0.5 + 0.01 * row, 1
    overlap[1, ..., 0, 1] = 0
    coordinates = {"rule": ["nearest", "random"], "source": SOURCES, "target": MODELS}
    return xr.Dataset(
        {
            "rate": (dims, rate),
            "paper": (dims, paper),
            "overlap": (dims, overlap),
            "source_name": ("source", [name.upper() for name in SOURCES]),
            "target_name": ("target", [name.upper() for name in MODELS]),
        },
        coords=coordinates | ({"variant": list(variants)} if variants else {}),
        attrs={"table": 2},
    )


def printed(axes: Axes) -> list[float]:
    texts = [text.get_text().replace("−", "-") for text in axes.texts]
    return [float(text) for text in texts if text.lstrip("+-").replace(".", "").isdigit()]


def test_ours_the_papers_and_the_difference_have_every_value_printed() -> None:
    drawn = table()
    figure = transfer_maps([drawn], rules=["random"])
    ours, paper, difference = figure.axes[:3]
    expected = 100 * drawn["rate"].sel(rule="random").values
    np.testing.assert_allclose(printed(ours), expected.ravel(), atol=0.051)
    assert [label.get_text() for label in ours.get_xticklabels()] == ["A", "B", "OWN"]
    assert [label.get_text() for label in ours.get_yticklabels()] == [name.upper() for name in SOURCES]
    there = [0, 1, 3]
    np.testing.assert_allclose(printed(paper), np.repeat([50, 51, 53], 2), atol=0.051)
    assert [label.get_text() for label in paper.get_yticklabels()] == [SOURCES[row].upper() for row in there]
    wanted = expected[there][:, :2] - np.array([[50], [51], [53]])
    np.testing.assert_allclose(printed(difference), wanted.ravel(), atol=0.051)


def test_ours_and_the_papers_share_a_scale_and_the_difference_has_a_diverging_one() -> None:
    figure = transfer_maps([table()], rules=["random", "nearest"])
    maps = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(maps) == 6
    limits = [image.get_clim() for image in maps]
    assert limits == 2 * [(0, 100), (0, 100), (-50, 50)]
    assert maps[0].get_cmap() == maps[1].get_cmap() != maps[2].get_cmap()


def test_what_disagrees_is_framed() -> None:
    figure = transfer_maps([table()], rules=["random", "nearest"])
    frames = [[p.get_xy() for p in axes.patches if isinstance(p, Rectangle)] for axes in figure.axes if axes.images]
    assert [len(each) for each in frames] == [0, 0, 1, 0, 0, 0]
    x, y = frames[2][0]
    assert (round(x + 0.46), round(y + 0.43)) == (1, 0)  # set of a, shown to b


def test_without_the_papers_there_is_one_map_with_its_scale() -> None:
    drawn = table()
    drawn["paper"][:] = np.nan
    figure = transfer_maps([drawn], rules=["random"])
    assert sum(bool(axes.images) for axes in figure.axes) == 1
    assert len(figure.axes) == 2


def test_amplified_sets_are_rows_of_their_own_and_clipped_ones_are_not_shown() -> None:
    drawn = table(("plain", "amplified", "amplified-clipped"))
    found = maps_of(drawn, "random")
    assert found.rows == (
        *("A", "B", "OWN", "A, amplified", "B, amplified", "OWN, amplified", "NOISE-0.1", "NOISE-0.1-CLIPPED"),
    )
    whole = 100 * drawn["rate"].sel(rule="random")
    np.testing.assert_allclose(found.ours[4], whole.sel(variant="amplified", source="b").values)
    np.testing.assert_allclose(found.ours[7], whole.sel(variant="plain", source="noise-0.1-clipped").values)


def test_a_rule_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no rule 'second'; it has nearest, random"):
        transfer_maps([table()], rules=["second"])


def test_a_map_is_drawn_into_the_axes_given_and_numbers_can_be_read_on_their_colour() -> None:
    axes = Figure().add_subplot()
    values = np.array([[0, 100.0], [np.nan, 3.14]])
    assert draw_map(axes, values, Normalize(0, 100), "Blues") is axes
    assert {text.get_text(): text.get_color() for text in axes.texts} == {
        "0.0": "black",
        "100": "white",
        "3.1": "black",
    }
    frame(axes, np.array([[True, False], [False, True]]))
    assert len(axes.patches) == 2
