"""Figure 6 out of detectors that are written by hand."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures import FIGURES
from blindspots.figures.detectors.figure6 import (
    _where_it_stands,
    described,
    draw_triples,
    figure6,
    figure6_plates,
    magnification,
)
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.built_in import QUICK
from blindspots.tables.detectors import detectors_table
from tests.detector_rows import detector, held


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return held(tmp_path)


def test_triples_with_a_magnified_difference(results: Results) -> None:
    (axes,) = figure6(results).axes
    title = axes.get_title()
    assert "theirs: car detected with AUC 0.85 [0.75, 0.95]; 5 of 5 no longer, by 0.01000" in title
    assert "100 x absolute difference" in title
    picture = axes.images[0].get_array()
    assert picture.shape == (2 * 6 + 2, 4 * 20 + 3 * 2, 3)  # two rows of up to four triples of six pixels
    found = results.group(layout.detector("theirs"))
    np.testing.assert_allclose(picture[:6, :6], np.moveaxis(found.original.values[0], 0, -1))
    np.testing.assert_allclose(picture[:6, 7:13], picture[:6, :6] + 0.01, atol=0.011)
    np.testing.assert_allclose(picture[:6, 14:20], 1, atol=0.02)


def test_what_stands_below_tells_what_pixels_reach(results: Results) -> None:
    plates = list(figure6_plates(results))
    assert len(plates) == 2
    assert "0.65 [0.55, 0.75], by cross-validation. 3 of 3 are no longer detected" in plates[0].caption
    assert "On raw pixels the area is 0.60 [0.50, 0.70], and over the same pictures" in plates[0].caption
    assert "these features are not clearly better" in plates[0].caption
    assert "not clearly better" not in plates[1].caption


@pytest.mark.parametrize("area", [0.1, 0.75, 0.9])
def test_what_stands_below_says_what_the_table_says(area: float, results: Results) -> None:
    table = detectors_table(results)
    for name, count in (("quocnet", 3), ("theirs", 5)):  # whatever their own intervals are, which know of no pairs
        cell = table.sel(extractor=name)
        said = _where_it_stands(detector(name, area, count, 1), results)
        assert ("not clearly better" in said) == (float(cell.difference_low) <= 0)
        assert f"{float(cell.difference):+.2f} [{float(cell.difference_low):+.2f}, " in said
    assert (table.difference_low.values[1:] > 0).tolist() == [False, True]


@pytest.mark.parametrize(("missed", "by"), [(2, "0.00500"), (0, "")])
def test_only_what_is_missed_has_a_distortion(missed: int, by: str) -> None:
    found = detector("theirs", 0.85, 4, 1, missed=missed)
    found["distortion"].values[:] = [0.004, 0.006, 0, 0]
    how_far = f", at an average distortion of {by}." if by else ": no search succeeded."
    assert described(found).endswith(f" {missed} of 4 are no longer detected{how_far}")
    title = draw_triples(Figure().add_subplot(), found).get_title()
    assert f"; {missed} of 4 no longer{', by ' * bool(by)}{by}\n" in title


def test_what_is_not_there_is_said(results: Results, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no extractor is called 'ours' in the study small; there are: pixels, quoc"):
        figure6(results, extractor="ours")
    assert "no detector" in FIGURES["6"].lacks(QUICK)
    assert FIGURES["6"].lacks(results.study) == ""


def test_a_difference_is_magnified_so_that_most_of_it_is_seen() -> None:
    assert magnification(np.array([0.0, 0.01, -0.02])) == 50
    assert magnification(np.zeros(3)) == 1
