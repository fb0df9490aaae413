"""Figures 1 to 4: which rows are shown, and what stands beside them."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.figures.units.top_images import (
    directions_figure,
    directions_plates,
    draw_rows,
    shown_rows,
    units_figure,
    units_plates,
)
from tests.unit_rows import TOP, UNITS, held, study_of_units


def test_rows_are_drawn_by_the_seed_and_in_order() -> None:
    study = study_of_units()
    rows = shown_rows(study, 100)
    assert len(set(rows.tolist())) == 8
    assert rows.tolist() == sorted(rows.tolist()) == shown_rows(study, 100).tolist()
    assert shown_rows(study.model_copy(update={"seed": 1}), 100).tolist() != rows.tolist()
    assert shown_rows(study, 3).tolist() == [0, 1, 2]


def test_every_image_stands_in_its_place() -> None:
    images = np.arange(6).reshape(2, 3, 1, 1) / 10 + np.zeros((2, 3, 4, 5))
    axes = draw_rows(Figure().add_subplot(), images, ["first", "second"])
    picture = np.asarray(axes.images[0].get_array())
    for row in range(2):
        for column in range(3):
            part = picture[row * 8 : row * 8 + 4, column * 7 : column * 7 + 5]
            np.testing.assert_allclose(part, images[row, column])
    assert picture[4:8].min() == 1
    assert [text.get_text() for text in axes.texts] == ["first", "second"]


def test_the_layer_before_the_logits_of_the_first_model_is_shown(mnist: Dataset) -> None:
    results = held(study_of_units())
    axes = units_figure(results).axes[0]
    assert axes.get_title() == "fc4-10, layers.2: units; 60% alike in all, 10% by chance (same label)"
    labels = mnist.labels("test", np.arange(TOP)).tolist()
    assert len(set(labels)) == TOP
    assert axes.texts[0].get_text() == "unit 0\n60% alike\n" + ", ".join(map(str, labels))
    assert axes.texts[1].get_text().startswith("unit 2\n")
    assert len(axes.texts) == UNITS
    picture = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(picture[:28, 30:58], mnist.images("test", [1])[0, 0].numpy())

    other = directions_figure(results, layer="layers.3").axes[0]
    assert other.get_title().startswith("fc4-10, layers.3: random directions; 55% alike")
    assert other.texts[0].get_text().startswith("direction 1\n50% alike\n")
    np.testing.assert_allclose(
        np.asarray(other.images[0].get_array())[:28, :28], mnist.images("test", [1])[0, 0].numpy()
    )


@pytest.mark.parametrize(
    ("named", "said"),
    [({"model": "fc9"}, "the units of 'fc9' are not looked at"), ({"layer": "layers.8"}, "no layer 'layers.8'")],
)
def test_what_was_not_looked_at_is_refused(named: dict[str, str], said: str, mnist: Dataset) -> None:
    with pytest.raises(InputError, match=said):
        units_figure(held(study_of_units()), **named)


def test_plates_say_which_layer_it_is(mnist: Dataset, tmp_path: Path) -> None:
    for plates in (units_plates, directions_plates):
        (plate,) = plates(held(study_of_units()))
        assert "layers.2 of fc4-10" in plate.alt + plate.caption
        plate.figure.savefig(tmp_path / "plate.png")
        assert (tmp_path / "plate.png").stat().st_size > 1000


def test_where_no_two_images_have_one_label_another_measure_is_told(mnist: Dataset) -> None:
    results = held(study_of_units())
    found = results.tree["units/fc4-10/seed-0/trained/layers.2"]
    found.dataset = found.to_dataset().assign(chance=("measure", [0.0, 0.4]))
    assert units_figure(results).axes[0].get_title().endswith("40% by chance (pixels)")
