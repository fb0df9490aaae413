"""Distributions out of the tiny study's store, and of sets written by hand."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures.distortion_distributions import distortion_distributions, distortions_of, draw_ridge
from blindspots.results.results import Results
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from tests.held import Held


def by_hand(name: str = "fc10-1e-4") -> tuple[Study, xr.DataTree]:
    study = validate_study({"name": "by-hand", "models": [{"name": name, "decay": [1e-4]}], "seeds": 2})
    group = xr.Dataset(
        {
            "distortion": ("example", [0.1, 0.2, 0.3, 0.4]),
            "success": ("example", [True, True, False, True]),
            "label": ("example", [1, 2, 3, 4]),
            "clean_predicted": ("example", [1, 2, 3, 9]),
        }
    )
    return study, xr.DataTree.from_dict(
        {f"sets/{name}/seed-0/train/random": group, f"sets/{name}/seed-1/train/random": group + 0}
    )


def test_only_successes_on_images_read_correctly_count_and_seeds_are_pooled() -> None:
    study, tree = by_hand()
    found = distortions_of(Held(tree, study), "fc10-1e-4")
    assert list(found) == ["random"]
    assert found["random"].tolist() == [0.1, 0.2, 0.1, 0.2]


def test_a_rule_keeps_its_colour_and_line_where_another_is_missing() -> None:
    both, one = Figure().add_subplot(), Figure().add_subplot()
    values = np.array([0.1, 0.2, 0.4])
    assert draw_ridge(both, {"nearest": values, "random": values + 0.1}, ("nearest", "random"), right=1) is both
    draw_ridge(one, {"random": values}, ("nearest", "random"), right=1, published=0.25)
    random, alone = both.lines[1], one.lines[0]
    assert (random.get_color(), random.get_linestyle()) == (alone.get_color(), alone.get_linestyle())
    assert both.lines[0].get_linestyle() != random.get_linestyle()
    assert list(alone.get_xdata()) == [pytest.approx(values.mean())] * 2
    assert list(one.lines[1].get_xdata()) == [0.25]
    assert [text.get_text().strip() for text in one.texts] == ["0.2333", "0.25"]


@pytest.mark.parametrize(("name", "marked"), [("fc10-1e-4", 1), ("another", 0)])
def test_the_papers_average_stands_beside_the_papers_own_models(name: str, marked: int) -> None:
    study, tree = by_hand(name)
    (axes,) = distortion_distributions(Held(tree, study)).axes
    triangles = [line for line in axes.lines if line.get_marker() == "v"]
    assert [list(line.get_xdata()) for line in triangles] == [[0.062]] * marked
    assert axes.get_xlim()[1] >= 0.2


def test_every_model_of_a_store_has_a_ridge(tiny_root: Path, tiny: Study) -> None:
    with Results(tiny_root) as results:
        figure = distortion_distributions(results)
        found = results.tree["sets/fc20-10/seed-0/train/nearest"].to_dataset()
        mean = float(found.distortion[(found.clean_predicted == found.label) & found.success].mean())
    assert [axes.get_ylabel() for axes in figure.axes] == ["FC10(1e-2)", "fc20-10"]
    assert "pixel" in figure.axes[-1].get_xlabel()
    assert figure.axes[1].lines[0].get_xdata()[0] == pytest.approx(mean)


def test_a_store_without_sets_is_refused(tiny: Study) -> None:
    with pytest.raises(InputError, match="no adversarial sets"):
        distortion_distributions(Held(xr.DataTree(), tiny))
