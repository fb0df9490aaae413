"""A QuocNet's filters, drawn where they lie."""

from pathlib import Path

import numpy as np
import pytest

from blindspots.errors import InputError
from blindspots.figures import FIGURES
from blindspots.figures.detectors.quocnet_filters import draw_places, first_filters, quocnet_filters
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.built_in import QUICK
from blindspots.training.layerwise.stored import stored_quocnet
from tests.small_quocnet import small_pictures, small_study, trained


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("filters")
    study = small_study(small_pictures(folder / "pictures.npz"), tiles=[2, 2], steps=50)
    return Results.of(trained(folder / "root", study).place, study)


def test_filters_are_those_of_their_places_whatever_the_tiles(results: Results) -> None:
    spec = results.study.quocnet
    filters = stored_quocnet(results.place, spec).stages[0][0].filters.numpy()
    found = first_filters(results, spec)
    assert found.shape == (5, 5, 2, 1, 6, 6)
    for i, row in enumerate((0, 2, 4, 6, 8)):
        for j, column in enumerate((0, 2, 4, 6, 8)):
            np.testing.assert_array_equal(found[i, j].reshape(2, 36), filters[row, column])


def test_the_figure_shows_filters_and_the_course_of_both_stages(results: Results) -> None:
    left, right = quocnet_filters(results).axes
    assert "0 of 162 have died" in left.get_title()
    assert [line.get_label() for line in right.lines][::2] == ["stage 1, held out", "stage 2, held out"]
    for line in right.lines[::2]:
        assert line.get_ydata()[0] == 1
        assert line.get_ydata()[-1] < 1


def test_every_filter_is_drawn_in_its_own_scale() -> None:
    from matplotlib.figure import Figure

    filters = np.zeros((1, 2, 2, 1, 3, 3))
    filters[0, 0, 0, 0, 1, 1], filters[0, 1, 1, 0, 0, 0] = 5, -0.1
    picture = draw_places(Figure().add_subplot(), filters).images[0].get_array()
    assert picture[1, 1] == 1
    assert picture[0, 0] == picture[0, 4] == 0.5
    assert picture[0, 3] == 1  # between two filters
    assert picture[0, 12 + 4] == 0  # the second place begins at twelve, its second filter four on


def test_what_is_not_there_is_said(results: Results, tmp_path: Path) -> None:
    assert "no QuocNet" in FIGURES["quocnet"].lacks(QUICK)
    assert FIGURES["quocnet"].lacks(results.study) == ""
    with pytest.raises(InputError, match="the study quick has no QuocNet"):
        quocnet_filters(Results.of(results.place, QUICK))
    results.place.delete(layout.quocnet_tile(1, 3))
    with pytest.raises(InputError, match="the weights of the QuocNet cannot be used"):
        first_filters(results, results.study.quocnet)
