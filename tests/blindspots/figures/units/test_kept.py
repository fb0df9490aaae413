"""What directions keep, layer by layer: points, ends of intervals, crosses and the line of the pixels."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from blindspots.figures.units.kept import draw_kept, kept_figure
from blindspots.tables.units import units_table
from tests.unit_rows import held, study_of_units


def test_a_point_a_layer_with_its_interval() -> None:
    axes = draw_kept(Figure().add_subplot(), units_table(held(study_of_units())), "fc4-10", "raw")
    points = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "o" and len(line.get_ydata())]
    assert points == pytest.approx([0.7, 0.5, 1.0])
    segments = [segment[:, 1] for bars in axes.collections for segment in bars.get_segments()]
    np.testing.assert_allclose(segments, [[0.65, 0.77], [0.45, 0.57], [0.95, 1.07]])
    assert sum(line.get_marker() == "x" for line in axes.lines) == 1  # units before training are at chance
    assert any(np.allclose(line.get_ydata(), 1.4) for line in axes.lines)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["layers.2", "layers.3"]


def test_a_panel_a_model_and_way() -> None:
    figure = kept_figure(held(study_of_units()))
    assert [axes.get_title() for axes in figure.axes] == [
        f"{model}, {view}"
        for model in ("fc4-10", "fc10")
        for view in ("activations as they are", "at unit length per picture")
    ]
