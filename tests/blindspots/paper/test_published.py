import math

import pytest

from blindspots.intervals import wilson
from blindspots.paper import published as paper
from blindspots.study.built_in import MNIST
from blindspots.study.model_spec import HALVES
from blindspots.study.pools_spec import HardeningSpec, PoolsSpec
from tests.blindspots.tables.conftest import changed


@pytest.mark.parametrize(
    ("printed", "least", "largest"),
    [
        *(("6.7", 6.65, 6.75), ("10", 9.5, 10.5), ("5.0", 4.95, 5.05), ("6.25", 6.245, 6.255)),
        *(("0", 0, 0.5), ("100", 99.5, 100), ("0.57", 0.565, 0.575)),
    ],
)
def test_the_printed_digits_say_how_far_a_value_was_rounded(printed: str, least: float, largest: float) -> None:
    assert paper.printed_range(printed) == pytest.approx((least / 100, largest / 100), abs=1e-15)


def test_an_interval_is_that_of_the_images_widened_by_the_rounding() -> None:
    found = paper.Published.of("43", paper.SHOWN)
    assert (found.rate, found.n, found.printed) == (0.43, 256, "43")
    assert found.low == wilson(0.425 * 256, 256)[0] < wilson(0.43 * 256, 256)[0]
    assert found.high == wilson(0.435 * 256, 256)[1] > wilson(0.43 * 256, 256)[1]
    whole = paper.Published.of("100", 256)
    assert (whole.low, whole.high) == (wilson(0.995 * 256, 256)[0], 1)
    none = paper.Published.of("0", 60_000)
    assert (none.low, none.high) == (0, wilson(300, 60_000)[1])


def test_printed_percentages_are_out_of_256() -> None:
    """As the paper's reader found, to the rounding: 5.9% means [3.6, 9.4], 26.2% [21.2, 31.9], 43% [37.1, 49.1]."""
    for printed, low, high in (("5.9", 3.6, 9.4), ("26.2", 21.2, 31.9), ("43", 37.1, 49.1)):
        found = paper.Published.of(printed, paper.SHOWN)
        rounding = 0.7 if "." not in printed else 0.2
        assert (100 * found.low, 100 * found.high) == pytest.approx((low, high), abs=rounding)


def rate(source: str, target: str, variant: str = "plain") -> tuple[str, int]:
    cell = paper.transfer(source, target, variant=variant)
    assert cell is not None
    return cell.printed, cell.n


def test_cells_are_read_row_by_row() -> None:
    """One of each row of Tables 2 and 4, none of them equal to the cell with row and column exchanged."""
    assert rate("fc10-1e-4", "fc100-100-10") == ("2", 256)
    assert rate("fc10-1e-2", "fc10-1e-4") == ("87.1", 256)
    assert rate("fc10-1", "ae400-10") == ("34.4", 256)
    assert rate("fc100-100-10", "fc200-200-10") == ("6.6", 256)
    assert rate("fc200-200-10", "fc10-1e-2") == ("14", 256)
    assert rate("ae400-10", "fc10-1") == ("24.8", 256)
    assert rate("noise-0.1", "fc10-1") == ("18.3", 256)
    assert rate("noise-0.3", "fc200-200-10") == ("4.3", 256)
    one, two, three = paper.ON_HALVES
    assert rate(one, two) == ("26.2", 256)
    assert rate(two, one) == ("6.25", 256)
    assert rate(three, two) == ("8.2", 256)
    assert rate(one, three, "amplified") == ("43", 256)
    assert rate(two, three, "amplified") == ("22", 256)
    assert rate(three, two, "amplified") == ("50", 256)
    assert rate("noise-0.06", two) == ("2.6", 10_000)
    assert rate("noise-0.1", one) == ("2.6", 10_000)


def test_both_tables_are_whole() -> None:
    for names in (paper.ON_ALL, paper.ON_HALVES):
        assert all(rate(name, name) == ("100", 256) for name in names)
        cells = [paper.transfer(source, target) for source in names for target in names]
        assert all(cells)
    assert all(paper.transfer("noise-0.3", name) for name in paper.ON_ALL)
    assert all(rate(name, name, "amplified") == ("100", 256) for name in paper.ON_HALVES)


def test_what_the_paper_has_not() -> None:
    one = paper.ON_HALVES[0]
    assert paper.transfer("fc10-1e-4", "conv") is paper.transfer("conv", "fc10-1e-4") is None
    assert paper.transfer("fc100-100-10", one) is paper.transfer(one, "fc100-100-10") is None
    assert paper.transfer("noise-0.3", one) is paper.transfer("noise-0.06", "fc10-1e-4") is None
    assert paper.transfer("noise-0.1-clipped", one) is paper.transfer("noise-0.1-clipped", "fc10-1e-4") is None
    for variant in ("amplified-clipped", "amplified-in-box"):
        assert paper.transfer(one, one, variant=variant) is None
        assert math.isnan(paper.distortion(one, variant=variant))
    assert paper.transfer("fc10-1", "fc10-1", variant="amplified") is None
    assert paper.transfer("noise-0.1", one, variant="amplified") is None
    assert paper.errors("conv") == {}
    assert math.isnan(paper.distortion("conv"))


def test_errors_and_distortions() -> None:
    found = {name: {split: (e.printed, e.n) for split, e in paper.errors(name).items()} for name in paper.MODELS}
    assert found["fc10-1e-2"] == {"train": ("10", 60_000), "test": ("9.4", 10_000)}
    assert found["ae400-10"] == {"train": ("0.57", 60_000), "test": ("1.9", 10_000)}
    assert found["fc100-100-10-p1"] == {"p1": ("0", 30_000), "p2": ("2.4", 30_000), "test": ("2", 10_000)}
    assert found["fc100-100-10-p2"] == {"p1": ("2.3", 30_000), "p2": ("0", 30_000), "test": ("2.1", 10_000)}
    assert [paper.distortion(name) for name in paper.MODELS] == [
        *(0.062, 0.1, 0.14, 0.058, 0.065, 0.086),
        *(0.062, 0.059, 0.058),
    ]
    assert paper.distortion("fc100-100-10-p1", variant="amplified") == paper.distortion("noise-0.1") == 0.1
    assert paper.distortion("noise-0.06") == 0.06


def test_the_papers_models_are_those_of_the_built_in_studies() -> None:
    known = [spec.name for spec in MNIST.models if paper.knows(MNIST, spec.name)]
    assert tuple(known) == paper.MODELS
    definitions = {
        spec.name: (spec.network, spec.hidden, spec.decay, spec.split) for spec in MNIST.models if spec.name in known
    }
    fully, decay = "fully-connected", (1e-5, 1e-5, 1e-6)  # section 4.2 of the paper, one a layer
    assert definitions == {
        "fc10-1e-4": (fully, (), (1e-4,), "train"),
        "fc10-1e-2": (fully, (), (1e-2,), "train"),
        "fc10-1": (fully, (), (1.0,), "train"),
        "fc100-100-10": (fully, (100, 100), decay, "train"),
        "fc200-200-10": (fully, (200, 200), decay, "train"),
        "ae400-10": ("autoencoder", (400,), (1e-6,), "train"),
        "fc100-100-10-p1": (fully, (100, 100), decay, "p1"),
        "fc123-456-10-p1": (fully, (123, 456), decay, "p1"),
        "fc100-100-10-p2": (fully, (100, 100), decay, "p2"),
    }
    assert all(spec.split in HALVES for spec in MNIST.models if spec.name in paper.ON_HALVES)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("decay", (1e-5, 1e-5, 1e-5)), ("hidden", (100, 101)), ("initial", 3), ("split", "p1"), ("penalty", 0.01)),
        *(("pools", PoolsSpec()), ("hardening", HardeningSpec())),
    ],
)
def test_a_name_alone_does_not_make_a_model_the_papers(field: str, value: object) -> None:
    study = changed()
    models = [spec.model_copy(update={field: value}) if spec.name == "fc100-100-10" else spec for spec in study.models]
    assert paper.knows(study, "fc100-100-10")
    assert not paper.knows(study.model_copy(update={"models": tuple(models)}), "fc100-100-10")


def test_what_changes_no_definition_leaves_a_model_the_papers() -> None:
    study = changed()
    models = [spec.model_copy(update={"paper": "", "examples": 500}) for spec in study.models]
    assert paper.knows(study.model_copy(update={"models": tuple(models)}), "fc100-100-10")
    assert not paper.knows(study, "fc100-100-10-1")
    assert paper.knows(study, "noise-0.1")
    fashion = study.model_copy(update={"dataset": "fashion-mnist"})
    assert not paper.knows(fashion, "fc100-100-10")
    assert not paper.knows(fashion, "noise-0.1")


def test_a_given_model_is_none_of_the_papers_whatever_its_name_and_layers() -> None:
    given = {"name": "fc100-100-10", "hidden": [100, 100], "given": {"weights": "weights.safetensors"}}
    study = changed(models=[given])
    assert study.models[0].layers == MNIST.model("fc100-100-10").layers
    assert not paper.knows(study, "fc100-100-10")
