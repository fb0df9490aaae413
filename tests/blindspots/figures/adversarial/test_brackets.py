"""The figure of what is proved against what was found."""

from pathlib import Path

import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.figures.adversarial.brackets import _percent, brackets_figure
from blindspots.results.brackets import brackets
from blindspots.results.results import Results
from blindspots.study.study import Study
from tests.held import Held


def test_every_image_is_a_point_and_none_is_above_the_line(tiny_root: Path, tiny: Study) -> None:
    with Results(tiny_root) as results:
        figure = brackets_figure(results)
        found = [brackets(results, spec.name)[0] for spec in tiny.models]
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in panels] == ["FC10(1e-2)", "fc20-10"]
    for axes, each in zip(panels, found, strict=True):
        _, points = axes.lines
        assert list(points.get_xdata()) == each.found.tolist()
        assert list(points.get_ydata()) == each.proved.tolist()
        assert (each.proved <= each.found * (1 + 1e-6)).all()
        assert axes.get_xlim() == axes.get_ylim()
        assert f"of {len(each.found)}" in axes.texts[0].get_text()


def test_only_what_is_closed_is_100_percent() -> None:
    assert [_percent(share) for share in (1, 0.99996, 0.5)] == ["100%", "99.9%", "50%"]


def test_a_store_without_proofs_is_refused(tiny: Study) -> None:
    with pytest.raises(InputError, match="lacks what is proved near images"):
        brackets_figure(Held(xr.DataTree(), tiny))
