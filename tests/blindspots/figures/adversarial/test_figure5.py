"""Figure 5: which pictures are shown, what of them, and the numbers beside the paper's."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.figures import draw_figure
from blindspots.figures.adversarial import figure5
from blindspots.figures.adversarial.figure5 import class_rules, draw_triples, driven_by, figure5_plates
from blindspots.jobs import run_study
from blindspots.results import Results
from blindspots.study.study import Study
from tests.blindspots.jobs.conftest import changed
from tests.held import Held

SET = "sets/fc10/seed-0/train/class-3"


@pytest.fixture(scope="module")
def root(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny study with a rule more: everything becomes a 3."""
    found = tmp_path_factory.mktemp("figure5") / "root"
    shutil.copytree(tiny_root, found)
    study = Results(found).study
    run_study(changed(study, sets={"rules": ["random", "class-3"]}), found)
    return found


def test_the_pictures_are_the_first_that_the_model_reads(root: Path) -> None:
    with Results(root) as results:
        made = results.group(SET)
        found = driven_by(results)
        assert (found.model, found.called, found.rule, found.goal) == ("fc10", "FC10(1e-2)", "class-3", "3")
        wanted = [
            row
            for row in range(made.sizes["example"])
            if made.clean_predicted.values[row] == made.label.values[row] != 3
        ]
        assert found.rows.tolist() == wanted
        assert 20 < len(wanted) < 50
        success = made.success.values[wanted]
        assert found.driven.tolist() == success.tolist()
        assert found.distortion == pytest.approx(made.distortion.values[wanted][success].mean())
        assert found.survives == made.survives_eight_bits.values[wanted][success].sum()
        cell = results.tree["transfer"].to_dataset().sel(source="fc10", target="fc20-10", seed=0, split="train")
        counts = cell.sel(rule="class-3", variant="plain")
        said = f"fc20-10 misreads {int(counts.misread)} of all 50 of the set, {int(counts.clean_misread)} of which"
        assert said in found.said
        assert f"and reads {int(counts.as_target)} as 3." in found.said
        assert (
            f"{success.sum()} of {len(wanted)} pictures that FC10(1e-2) reads correctly are driven to 3" in found.said
        )
        assert "(the paper's, of 64: 0.006508)" in found.said
        other = driven_by(results, "fc20-10")
        assert (other.model, other.others[0].startswith("FC10(1e-2) misreads")) == ("fc20-10", True)


def test_no_more_than_the_paper_s_are_counted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindspots.figures.adversarial.figure5.FIGURE_5", (0.006508, 5))
    with Results(root) as results:
        assert len(driven_by(results).rows) == 5


def test_a_triple_is_the_original_the_difference_and_the_result(root: Path, mnist: Dataset) -> None:
    with Results(root) as results:
        figure = draw_figure(5, results)
        rows = driven_by(results).rows
        made = results.group(SET).isel(example=rows[:1])
    picture = np.asarray(figure.axes[0].images[0].get_array())
    original = mnist.images("train", made.example.values)[0, 0].numpy()
    change = made.perturbation.values[0, 0]
    np.testing.assert_array_equal(picture[:28, :28], original)
    np.testing.assert_allclose(picture[:28, 29:57], (128 / 255 + 10 * change).clip(0, 1), atol=1e-6)
    np.testing.assert_allclose(picture[:28, 58:86], original + change, atol=1e-6)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[:2] == [str(int(made.label.values[0])), f"→ {int(made.predicted.values[0])}"]
    assert len(texts) == 2 * 16
    assert "(paper 0.006508)" in figure.axes[0].get_title()


def test_the_report_has_a_plate_for_every_model_and_class(root: Path) -> None:
    with Results(root) as results:
        plates = list(figure5_plates(results))
    assert [plate.caption.partition(":")[0] for plate in plates] == ["Figure 5 for FC10(1e-2)", "Figure 5 for fc20-10"]
    assert "the average distortion" not in plates[0].alt
    assert all("average distortion of 0." in plate.caption for plate in plates)


def test_where_no_search_succeeded_there_is_no_average(root: Path) -> None:
    with Results(root) as results:
        tree = results.tree.copy()
        tree[SET] = xr.DataTree(results.group(SET).assign(success=results.group(SET).success & False))
        plate = next(iter(figure5_plates(Held(tree, results.study))))
    assert "are driven to 3, so that there is no average distortion (the paper's" in plate.caption
    assert "become 3, no average distortion (paper" in plate.figure.axes[0].get_title()


def test_what_cannot_be_drawn_is_refused(root: Path, tiny_root: Path, tiny: Study) -> None:
    assert class_rules(tiny) == []
    with Results(tiny_root) as results, pytest.raises(InputError, match="which has no class that all images are"):
        draw_figure(5, results)
    with Results(tiny_root) as results, pytest.raises(InputError, match=r"add a rule such as class-9 to sets\.rules"):
        figure5.figure5(results)
    with Results(root) as results:
        with pytest.raises(InputError, match="the store lacks sets/fc10/seed-0/train/class-4"):
            figure5.figure5(results, rule="class-4")
        with pytest.raises(InputError, match="no model is called 'fc9'"):
            figure5.figure5(results, model="fc9")


def test_triples_in_colour_stand_in_rows_with_their_captions() -> None:
    triples = [np.full((3, 50, 40, 3), value, np.float32) for value in (0.25, -1, 2)]
    captions = [("tench, Tinca tinca", "ostrich"), ("a name that is longer than fits here", "b"), ("c", "d")]
    axes = draw_triples(Figure().subplots(), triples, captions, across=2)
    picture = np.asarray(axes.images[0].get_array())
    assert picture.shape == (2 * 60, 2 * (122 + 5) - 5, 3)
    assert [float(picture[10, at, 0]) for at in (0, 41, 82, 123, 127)] == [0.25, 0, 1, 1, 0.25]
    assert float(picture[70, 0, 0]) == 0.25
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["tench", "→ ostrich", "a name that is longer t…", "→ b", "c", "→ d"]
