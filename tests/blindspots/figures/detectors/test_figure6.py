"""Figure 6 out of detectors that are written by hand."""

from pathlib import Path

import numpy as np
import pytest

from blindspots.errors import InputError
from blindspots.figures import FIGURES
from blindspots.figures.detectors.figure6 import figure6, figure6_plates, magnification
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.built_in import QUICK
from tests.detector_rows import held


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
    assert "On raw pixels the area is 0.60 [0.50, 0.70]: these features are not clearly better" in plates[0].caption
    assert plates[1].caption.endswith("On raw pixels the area is 0.60 [0.50, 0.70].")


def test_what_is_not_there_is_said(results: Results, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no extractor is called 'ours' in the study small; there are: pixels, quoc"):
        figure6(results, extractor="ours")
    assert "no detector" in FIGURES["6"].lacks(QUICK)
    assert FIGURES["6"].lacks(results.study) == ""


def test_a_difference_is_magnified_so_that_most_of_it_is_seen() -> None:
    assert magnification(np.array([0.0, 0.01, -0.02])) == 50
    assert magnification(np.zeros(3)) == 1
