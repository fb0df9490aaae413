"""Figures by number or name, and one that is added from outside."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.text import Text

from blindspots.errors import InputError
from blindspots.figures import FIGURES, FigureEntry, draw_figure, draw_plates
from blindspots.figures.adversarial.figure5 import draw_triples
from blindspots.figures.adversarial.one_image import draw_image
from blindspots.figures.detectors import figure6
from blindspots.figures.units.top_images import draw_rows
from blindspots.results.one_image import Moved, OneImage
from blindspots.results.results import Results
from tests.blindspots.tables.conftest import changed
from tests.detector_rows import detector
from tests.held import Held


@pytest.fixture(scope="module")
def results(tiny_root: Path) -> Iterator[Results]:
    with Results(tiny_root) as results:
        yield results


@pytest.mark.parametrize(
    ("name", "axes"), [(7, 3), ("7", 3), ("transfer", 4), ("distortions", 2), ("training", 3), ("negatives", 2)]
)
def test_a_figure_is_drawn_by_number_or_name(name: int | str, axes: int, results: Results) -> None:
    assert str(name) in FIGURES
    assert len(draw_figure(name, results).axes) == axes


def test_a_figure_drawn_from_weights_has_its_layers(results: Results) -> None:
    (plate,) = draw_plates("spectrum", results)
    assert plate.figure.axes[0].get_title() == "linear layers"
    assert "layers of fc20-10" in plate.alt


def test_a_page_shows_the_maps_of_each_rule_apart(results: Results) -> None:
    nearest, random = sorted(draw_plates("transfer", results), key=lambda plate: plate.caption)
    assert nearest.caption == "Table 2, rule nearest: ours."
    assert "under the rule random" in random.alt
    assert len(nearest.figure.axes) == 2  # the map and its scale: the paper has no such models


@pytest.mark.parametrize("name", ["7", "transfer", "distortions", "brackets", "training", "negatives", "spectrum"])
def test_dollars_in_the_name_of_a_model_are_no_formula(name: str, results: Results, tiny_root: Path) -> None:
    models = tuple(spec.model_copy(update={"paper": "FC $x^{$"}) for spec in results.study.models)
    figure = draw_figure(name, Held(results.tree, results.study.model_copy(update={"models": models}), tiny_root))
    figure.savefig(io.BytesIO(), format="svg")  # which parses what it takes for a formula
    assert names_in(figure)


def test_dollars_in_the_name_of_a_class_are_no_formula() -> None:
    image = np.zeros((1, 4, 4), np.float32)
    figure = Figure()
    one, other, third = figure.subplots(3)
    draw_triples(one, [image] * 3, [("FC $x^{$", "FC $x^{$")])
    draw_rows(other, image[None], ["FC $x^{$"])
    six = detector("theirs", 0.85, 1, 1)
    figure6.draw_triples(third, six.assign_attrs(what="FC $x^{$"))
    moved = Moved("m", image, 0.1, 0.0, True, {"m": 0})
    shown = draw_image(OneImage("test", 12, "nearest", 0, image, {}, (moved,)), ("FC $x^{$",))
    for each in (figure, shown):
        each.savefig(io.BytesIO(), format="svg")
    assert [len(names_in(axes)) for axes in (one, other, third)] == [2, 1, 1]
    assert len(names_in(shown)) == 2


def names_in(drawn: Artist) -> list[str]:
    """Return the texts that have a name with dollars in it, each as it is to be seen."""
    texts = [text for text in drawn.findobj(Text) if "x^{" in text.get_text()]
    assert all("FC $x^{$" in text._preprocess_math(text.get_text())[0] for text in texts)
    return [text.get_text() for text in texts]


def test_what_cannot_be_drawn_is_refused(results: Results) -> None:
    known = (
        "5, transfer, distortions, brackets, 6, quocnet, 7, filters, training, negatives, pools, spectrum, 1, 2, 3, 4"
    )
    with pytest.raises(InputError, match=f"there is no figure 9; there are {known} and units"):
        draw_figure(9, results)
    with pytest.raises(InputError, match="figure filters is not in the study tiny, which has no autoencoder"):
        draw_figure("filters", results)
    without = Held(xr.DataTree(), changed(negatives={"images": 0}, bounds={"models": False}))
    for name in ("negatives", "spectrum"):
        with pytest.raises(InputError, match=f"figure {name} is not in the study by-hand, which has no"):
            draw_plates(name, without)


@pytest.fixture
def names() -> Iterator[FigureEntry]:
    def draw(results: Results) -> Figure:
        figure = Figure()
        figure.suptitle(" and ".join(spec.name for spec in results.study.models))
        return figure

    yield FIGURES.add(FigureEntry("names", "what the models are called", draw))
    FIGURES.remove("names")


def test_a_figure_from_outside_is_drawn_and_shown(names: FigureEntry, results: Results) -> None:
    assert draw_figure("names", results).get_suptitle() == "fc10 and fc20-10"
    (plate,) = draw_plates("names", results)
    assert plate.alt == plate.caption == "what the models are called"
    with pytest.raises(ValueError, match="there is a figure called 'names' already"):
        FIGURES.add(FigureEntry("names", "another", names.draw))
