"""What the picture of a network's layers shows is what it was given."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from torch import nn

from blindspots.errors import InputError
from blindspots.figures import save_figure
from blindspots.figures.palette import COLOURS
from blindspots.figures.spectrum import draw_conv_spectrum, spectrum_figure
from blindspots.spectral.spectrum import layer_spectra


@pytest.fixture(scope="module")
def spectra() -> xr.Dataset:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [*(nn.Conv2d(2, 3, 3) for _ in range(4)), nn.Linear(30, 20), nn.Linear(20, 1)]
    return layer_spectra(nn.ModuleList(layers), grid=8)


@pytest.fixture
def bounds() -> xr.Dataset:
    return xr.Dataset(
        {"lower": ("layer", [1.25, 0.5, 3.0]), "upper": ("layer", [1.5, 0.5, np.inf])},
        coords={"layer": ["0", "4", "2"]},
    )


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_title()]


def test_a_panel_a_convolution_and_one_for_linear_layers(spectra: xr.Dataset) -> None:
    figure = spectrum_figure(spectra, title="a network")
    shown = panels(figure)
    assert [axes.get_title().partition("\n")[0] for axes in shown] == ["0", "1", "2", "3", "linear layers"]
    assert figure.get_suptitle() == "a network"
    for axes, norm in zip(shown, spectra["norm"], strict=False):
        np.testing.assert_array_equal(np.asarray(axes.images[0].get_array()), norm.values)


def test_the_peak_is_marked_where_it_is(spectra: xr.Dataset) -> None:
    for axes, norm in zip(panels(spectrum_figure(spectra)), spectra["norm"], strict=False):
        (mark,) = axes.lines
        (x,), (y,) = mark.get_data()
        assert float(norm.sel(frequency_x=x, frequency_y=y)) == float(norm.max())
        picture = axes.images[0]
        left, right, bottom, top = picture.get_extent()
        column, row = int((x - left) / (right - left) * 8), int((y - bottom) / (top - bottom) * 8)
        assert picture.origin == "lower"
        assert float(np.asarray(picture.get_array())[row, column]) == float(norm.max())
        assert f"peak {float(norm.max()):.4g}" in axes.get_title()


def test_the_bounds_of_a_layer_stand_in_its_title_and_in_its_colour_bar(
    spectra: xr.Dataset, bounds: xr.Dataset
) -> None:
    figure = spectrum_figure(spectra, bounds)
    shown = {axes.get_title().partition(":")[0].partition("\n")[0]: axes for axes in panels(figure)}
    assert shown["0"].get_title().startswith("0: norm in [1.25, 1.5]\n")
    assert shown["2"].get_title().startswith("2: norm in [3, inf]\n")
    assert shown["1"].get_title().startswith("1\npeak")
    bar = shown["0"].images[0].colorbar
    levels = [line.get_ydata()[0] for line in bar.ax.lines]
    assert levels == [1.25, 1.5]
    assert [line.get_ydata()[0] for line in shown["2"].images[0].colorbar.ax.lines] == [3.0]
    assert shown["2"].images[0].get_clim() == (0, max(3.0, float(spectra["norm"][2].max())))


def test_the_singular_values_fall_in_a_line_a_layer(spectra: xr.Dataset, bounds: xr.Dataset) -> None:
    axes = panels(spectrum_figure(spectra, bounds))[-1]
    drawn = [line for line in axes.lines if len(line.get_xdata()) in (20, 1)]
    assert len(drawn) == 2
    for line, values in zip(drawn, spectra["singular_value"], strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values.dropna("index").values)
    assert drawn[1].get_marker() == "o"  # one value alone is a point
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["4: norm 0.5", "5"]
    assert [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"] == [0.5]
    assert {to_rgb(line.get_color()) for line in drawn} == {to_rgb(colour) for colour in COLOURS[:2]}


def test_axes_are_taken_and_returned(spectra: xr.Dataset) -> None:
    axes = Figure().add_subplot()
    assert draw_conv_spectrum(axes, spectra["norm"][0] * 0, name="zero") is axes
    assert "peak 0 " in axes.get_title()


def test_a_network_of_linear_layers_alone_has_one_panel(spectra: xr.Dataset, tmp_path: Path) -> None:
    figure = spectrum_figure(spectra.drop_dims(["convolution"]))
    assert len(panels(figure)) == 1
    save_figure(figure, tmp_path / "spectrum.png")
    assert (tmp_path / "spectrum.png").stat().st_size > 1000


def test_a_layer_whose_name_begins_with_a_line_stands_in_the_legend(spectra: xr.Dataset) -> None:
    linear = spectra.drop_dims(["convolution"])
    names = [f"_{name}" for name in linear["linear"].values]
    (axes,) = panels(spectrum_figure(linear.assign_coords(linear=names)))
    assert [text.get_text().split()[:2] for text in axes.get_legend().get_texts()] == [
        ["layer", name] for name in names
    ]


def test_nothing_to_show_is_refused() -> None:
    with pytest.raises(InputError, match="there is no layer to show"):
        spectrum_figure(xr.Dataset())


def test_of_many_convolutions_those_that_differ_over_frequency_come_first() -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 2, 3 if index % 5 == 0 else 1, padding=int(index % 5 == 0)) for index in range(14)]
    figure = spectrum_figure(layer_spectra(nn.Sequential(*layers)), title="Layers")
    assert [axes.get_title().splitlines()[0] for axes in panels(figure)] == ["0", "5", "10"]
    assert figure.get_suptitle().startswith("Layers: 3 of 14 convolutions")
    assert len(panels(spectrum_figure(layer_spectra(nn.Sequential(*layers[:12]))))) == 12
