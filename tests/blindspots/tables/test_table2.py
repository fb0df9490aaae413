import numpy as np
import pytest
import xarray as xr

from blindspots.built_in_studies import MNIST
from blindspots.intervals import wilson
from blindspots.study import Study
from blindspots.study_file import validate_study
from blindspots.tables import build_table, paper
from tests.blindspots.tables.conftest import MODELS, NOISE, N, misread


def test_every_cell_is_its_own_pair_rule_and_split(tree: xr.DataTree, study: Study) -> None:
    table = build_table(2, tree, study)
    assert table.rate.dims == ("rule", "source", "target")
    assert table.source.values.tolist() == [*MODELS, *NOISE]
    for rule in ("nearest", "random"):
        for source in (*MODELS, *NOISE):
            for target in MODELS:
                cell = table.sel(rule=rule, source=source, target=target)
                count = misread(source, target, "train", rule if source in MODELS else "none")
                assert (int(cell.misread), int(cell.n)) == (count, N)
                assert float(cell.rate) == count / N
                assert (float(cell.low), float(cell.high)) == wilson(count, N)
                assert float(cell.clean) == (7 + MODELS.index(target)) / N


def test_distortions_are_the_sources(tree: xr.DataTree, study: Study) -> None:
    table = build_table(2, tree, study)
    assert float(table.distortion.sel(rule="random", source="fc100-100-10")) == pytest.approx(4 * 0.051 / 3)
    assert float(table.distortion.sel(rule="random", source="noise-0.1-clipped")) == pytest.approx(0.07)
    assert float(table.distortion_paper.sel(rule="random", source="fc100-100-10")) == 0.058


def test_the_papers_cells_are_read_row_by_row(tree: xr.DataTree, study: Study) -> None:
    table = build_table(2, tree, study).sel(rule="nearest")
    assert float(table.paper.sel(source="fc10-1e-4", target="fc100-100-10")) == pytest.approx(0.02)
    assert float(table.paper.sel(source="fc100-100-10", target="fc10-1e-4")) == pytest.approx(0.289)
    assert float(table.paper.sel(source="noise-0.1", target="fc10-1e-4")) == pytest.approx(0.05)
    assert np.isnan(table.paper.sel(source="noise-0.1-clipped")).all()
    assert (table.overlap.sel(source="noise-0.1-clipped") == -1).all()


def test_a_model_that_is_not_the_papers_is_not_held_against_it(tree: xr.DataTree, study: Study) -> None:
    """The name alone does not make it the paper's: another decay is another model."""
    other = study.model_dump(mode="json")
    other["models"][0]["decay"] = [2e-4]
    table = build_table(2, tree, validate_study(other))
    assert np.isnan(table.paper.sel(source="fc10-1e-4")).all()
    assert np.isnan(table.paper.sel(target="fc10-1e-4")).all()
    assert float(table.paper.sel(source="noise-0.1", target="fc100-100-10", rule="random")) == 0
    assert int(table.overlap.sel(source="fc10-1e-4", target="fc100-100-10", rule="random")) == -1
    first = build_table(1, tree, validate_study(other)).sel(model="fc10-1e-4")
    assert np.isnan(first.test_error_paper)
    assert np.isnan(first.distortion_paper)


def test_the_papers_models_are_those_of_the_built_in_studies() -> None:
    assert all(paper.knows(MNIST, spec.name) for spec in MNIST.models)
    definitions = {spec.name: (spec.hidden, spec.decay, spec.split) for spec in MNIST.models}
    decay = (1e-5, 1e-5, 1e-6)  # section 4.2 of the paper, one a layer
    assert definitions == {
        "fc10-1e-4": ((), (1e-4,), "train"),
        "fc10-1e-2": ((), (1e-2,), "train"),
        "fc10-1": ((), (1.0,), "train"),
        "fc100-100-10": ((100, 100), decay, "train"),
        "fc200-200-10": ((200, 200), decay, "train"),
    }


def test_printed_percentages_are_out_of_256() -> None:
    """As the paper's reader found: 5.9% means [3.6, 9.4], 26.2% means [21.2, 31.9], 43% means [37.1, 49.1]."""
    for percent, low, high in ((5.9, 3.6, 9.4), (26.2, 21.2, 31.9), (43, 37.1, 49.1)):
        found = paper.Published.of(percent, paper.SHOWN)
        assert found.rate == percent / 100
        assert (100 * found.low, 100 * found.high) == pytest.approx((low, high), abs=0.06)


def test_the_papers_diagonal_is_whole_and_its_rows_are_complete() -> None:
    for model in paper.MODELS:
        cell = paper.transfer(model, model)
        assert cell is not None
        assert cell.rate == 1
    assert paper.transfer("fc10-1e-4", "conv") is None
    assert paper.transfer("conv", "fc10-1e-4") is None
    assert paper.errors("conv") is None


@pytest.mark.parametrize(("count", "expected"), [(578, 1), (900, 0), (200, 0)])
def test_overlap_follows_the_counts(tree: xr.DataTree, study: Study, count: int, expected: int) -> None:
    """The paper's 28.9% out of 256 is [23.7, 34.7]: ours out of 2000 meets it at 578, not at 900 nor at 200."""
    transfer = tree["transfer"].to_dataset()
    transfer["misread"].loc[{"source": "fc100-100-10", "target": "fc10-1e-4", "rule": "random"}] = count
    tree["transfer"] = xr.DataTree(transfer)
    cell = build_table(2, tree, study).sel(source="fc100-100-10", target="fc10-1e-4", rule="random")
    assert int(cell.overlap) == expected
