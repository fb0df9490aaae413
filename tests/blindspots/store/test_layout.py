from pathlib import Path

import pytest

from blindspots.store import layout


def test_everything_in_a_store_lies_where_the_layout_says(tiny_root: Path) -> None:
    names = {path.name for path in (tiny_root / layout.ZARR).iterdir() if path.is_dir()}
    assert names == set(layout.DESCRIBED) - {
        "units",
        "quocnet",
        "detectors",
        "pools",
        "hardened",
        "reasons",
    }  # of which it has none
    for file in (
        layout.STUDY,
        layout.HIERARCHY_METADATA,
        layout.weights("fc10", 0),
        layout.receipt(layout.training_job("fc10", 0), 0),
        layout.receipt(layout.pair_job("fc10", "fc20-10", 0), 0),
        layout.chunk(layout.adversarial_set("fc10", 0, "train", "random"), "perturbation", (1, 0, 0, 0)),
        layout.chunk(layout.reference_set("train", "noise-1"), "label", (2,)),
        layout.chunk(layout.TRANSFER, "n", (0, 0, 0, 0, 0, 0)),
        layout.chunk(layout.predictions("fc10", 0, "train", "random"), layout.prediction("amplified", "fc20-10"), (0,)),
        *map(layout.metadata, (layout.curve("fc10", 0), layout.negatives("fc10", 0), layout.bounds("fc10", 0))),
        *map(layout.metadata, (layout.certified("fc10", 0), layout.table("1"), layout.table("negatives"))),
    ):
        assert (tiny_root / file).is_file(), file


def test_figures_and_tables_of_the_paper_are_known_by_number() -> None:
    assert layout.table("2") == "tables/table2"
    assert layout.table("bounds") == "tables/bounds"
    assert layout.figure("7", ".png") == "figures/figure7.png"
    assert layout.figure("transfer", ".pdf") == "figures/transfer.pdf"


@pytest.mark.parametrize(
    ("group", "folder"),
    [
        (layout.pool("fc10", 0, 1), layout.receipts(layout.training_job("fc10", 0)) + "/layer-1"),
        (layout.pools("fc10", 0), layout.receipts(layout.training_job("fc10", 0))),
        (layout.curve("fc10", 0), layout.receipts(layout.training_job("fc10", 0))),
        (layout.predictions("fc10", 0, "train", "random"), layout.receipts("transfer/fc10")),
        (layout.PREDICTIONS, layout.receipts(layout.PREDICTIONS)),
        (f"{layout.TRANSFER}/n", layout.receipts(layout.TRANSFER)),
        (layout.table("2"), layout.receipts("tables/table2")),
    ],
)
def test_the_receipts_of_what_lies_in_a_group_are_of_the_job_that_made_it(group: str, folder: str) -> None:
    assert layout.receipts_of(group) == folder
