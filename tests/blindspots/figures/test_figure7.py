from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.figures import draw_figure, save_figure
from blindspots.figures.figure7 import Panel, _default, described, draw_panel, figure7, figure7_plates
from blindspots.results.results import Results
from blindspots.study.file import validate_study
from tests.held import Held


@pytest.fixture
def results(tiny_root: Path) -> Results:
    return Results(tiny_root)


def test_the_store_is_what_is_drawn(results: Results, mnist: Dataset) -> None:
    figure = draw_figure(7, results)
    tree = results.tree
    assert len(figure.axes) == 3
    found = tree["sets/fc10/seed-0/train/random"].to_dataset()
    other = tree["sets/fc20-10/seed-0/train/random"].to_dataset()
    right = (found.clean_predicted == found.label) & (other.clean_predicted == other.label)
    first = int(np.flatnonzero(right)[0])
    original = mnist.images("train", [int(found.example[first])])[0, 0].numpy()
    noise = tree["references/train/noise-1"]["perturbation"].values[first, 0]
    for axes, change in zip(
        figure.axes, (found.perturbation.values[first, 0], other.perturbation.values[first, 0], noise), strict=True
    ):
        picture = axes.images[0].get_array()
        np.testing.assert_array_equal(picture[:28, :28], original)
        np.testing.assert_allclose(picture[:28, 29:57], (original + change).clip(0, 1), atol=1e-6)
    titles = [axes.get_title() for axes in figure.axes]
    read = found.clean_predicted == found.label
    assert f"average distortion {float(found.distortion[read].mean()):.3f}, accuracy 0%" in titles[0]
    assert titles[0].startswith("FC10(1e-2), rule random")
    assert "stddev 1" in titles[2]
    assert figure.axes[0].texts[0].get_text() == str(int(found.label[first]))
    assert figure.axes[0].texts[1].get_text() == f"→ {int(found.predicted[first])}"


def test_models_and_rule_can_be_chosen(results: Results) -> None:
    figure = figure7(results, models=["fc20-10"], rule="nearest")
    assert [axes.get_title().partition("\n")[0] for axes in figure.axes] == [
        "fc20-10, rule nearest",
        "Gaussian noise of stddev 1",
    ]
    with pytest.raises(InputError, match="no model is called 'fc9'"):
        figure7(results, models=["fc9"])
    with pytest.raises(InputError, match="the store lacks sets/fc10/seed-0/train/second"):
        figure7(results, rule="second")


def test_the_models_shown_are_the_first_and_fc200_where_there_is_one() -> None:
    def default(*models: dict[str, object]) -> list[str]:
        return _default(validate_study({"name": "by-hand", "models": list(models)}))

    decay = [1e-5, 1e-5, 1e-6]
    first, last = {"name": "fc10", "decay": [1e-4]}, {"name": "fc20-10", "hidden": [20], "decay": [0, 0]}
    wide = {"name": "fc200-200-10", "hidden": [200, 200], "decay": decay}
    half = {"name": "fc100-100-10-p2", "hidden": [100, 100], "decay": decay, "split": "p2"}
    assert default(first, wide, last, half) == ["fc10", "fc200-200-10"]
    assert default(first, last, half) == ["fc10", "fc20-10"]  # of a half are the sets of other images
    assert default(first, half) == ["fc10"]


def test_models_whose_sets_are_of_other_images_are_not_shown_together() -> None:
    models = [{"name": "fc10", "decay": [0]}, {"name": "fc10-p1", "decay": [0], "split": "p1"}]
    study = validate_study({"name": "by-hand", "models": models})
    with pytest.raises(InputError, match=r"different images \(fc10: train, fc10-p1: test\)"):
        figure7(Held(xr.DataTree(), study), models=["fc10", "fc10-p1"])


def rewritten(results: Results, group: str, changed: xr.Dataset) -> Held:
    """Return the same results, but for a group."""
    tree = results.tree.copy()
    tree[group] = xr.DataTree(changed)
    return Held(tree, results.study)


@pytest.mark.parametrize("models", [["fc10"], ["fc10", "fc20-10"]])
def test_where_no_image_is_read_correctly_there_is_no_figure(models: list[str], results: Results) -> None:
    name = "sets/fc10/seed-0/train/random"
    found = results.group(name)
    misread = rewritten(results, name, found.assign(clean_predicted=(found.label + 1) % 10))
    with pytest.raises(InputError, match=f"^{' and '.join(models)} read none of the images correctly: there is no"):
        figure7(misread, models=models)


def test_a_set_of_noise_that_is_smaller_is_not_read_beyond_its_end(results: Results) -> None:
    name = "references/train/noise-1"
    few = figure7(rewritten(results, name, results.group(name).isel(example=slice(10))))
    whole = figure7(results)
    assert [len(axes.texts) for axes in few.axes] < [len(axes.texts) for axes in whole.axes]
    labels = [[text.get_text() for text in axes.texts[::2]] for axes in few.axes[:2]]
    assert 0 < len(labels[0]) <= 10
    assert labels[0] == labels[1] == [text.get_text() for text in few.axes[2].texts]


def test_a_search_that_never_succeeded_has_no_average(results: Results) -> None:
    name = "sets/fc10/seed-0/train/random"
    found = results.group(name)
    (plate,) = figure7_plates(rewritten(results, name, found.assign(success=found.success & False)))
    assert "\nno search succeeded, accuracy" in plate.figure.axes[0].get_title()
    assert "ten times" not in plate.caption


def test_noise_is_called_strong_only_where_it_is(results: Results) -> None:
    (plate,) = figure7_plates(results)
    sizes = [float(axes.get_title().partition("distortion ")[2][:5]) for axes in plate.figure.axes[:2]]
    assert ("more than ten times" in plate.caption) == (max(sizes) < 0.1)

    def said(*sizes: float, noise: float) -> str:
        image = np.zeros((1, 4, 4), np.float32)
        made = [Panel("", image, image, np.array([3]), np.array([4]), size) for size in sizes]
        return described([*made, Panel("", image, image, np.array([3]), None, noise)])[1]

    assert "noise, more than ten times as strong as what misleads, shown clipped." in said(0.05, 0.09, noise=1.0)
    assert "with noise, shown clipped." in said(0.05, 0.11, noise=1.0)
    assert "with noise, shown clipped." in said(0.05, noise=0.1)
    assert "noise" not in described([Panel("", np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0), 0.05)])[1]


def test_a_panel_is_drawn_into_the_axes_given_and_tells_right_from_wrong() -> None:
    images = np.zeros((2, 4, 4), np.float32)
    panel = Panel("a title", images, images + 0.5, labels=np.array([3, 5]), read=np.array([3, 6]))
    axes = Figure().add_subplot()
    assert draw_panel(axes, panel) is axes
    assert [text.get_text() for text in axes.texts] == ["3", "→ 3", "5", "→ 6"]
    assert axes.texts[1].get_color() != axes.texts[3].get_color()


def test_a_panel_of_coloured_images_is_in_colours() -> None:
    images = np.zeros((1, 4, 4, 3), np.float32)
    images[..., 2] = 0.75
    axes = draw_panel(Figure().add_subplot(), Panel("blue", images, images, labels=np.array([3]), read=None))
    picture = np.asarray(axes.images[0].get_array())
    np.testing.assert_array_equal(picture[:4, :4], images[0])


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
def test_the_same_figure_is_the_same_file(results: Results, tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        save_figure(draw_figure(7, results), tmp_path / (name + suffix))
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    if suffix == ".png":
        assert matplotlib.image.imread(tmp_path / "one.png").shape[0] > 500


def test_other_kinds_of_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"written as .png or .pdf, not .*gif"):
        save_figure(Figure(), tmp_path / "x.gif")
