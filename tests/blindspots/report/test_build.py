"""What the report leaves out and says so, what is added from outside, the hook for explanations, and the file."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures import FIGURES, FigureEntry
from blindspots.report import build_report, write_report
from blindspots.results.results import Results
from blindspots.tables import TABLES, Table

pytestmark = pytest.mark.xdist_group("report")


OF_OTHER_STUDIES = (
    *("has no class that all images are driven to", "has no units", "has no detector", "has no QuocNet"),
    "has no ways of training to compare",
)
"""What is said in the page of every study that asks for nothing of Section 3, of Figures 5 and 6, and of pools."""


def missing(page: str) -> list[str]:
    """Return what the page says that the store lacks, where it would be."""
    return re.findall(r'<p class="missing">(.*?)</p>', page)


def unasked(page: str) -> dict[str, str]:
    """Return what the page says at its end that the study does not ask for: the titles, by the reason; but for that."""
    *_, (_, last) = re.findall(r'<section id="([^"]*)"(.*?)</section>', page, re.DOTALL)
    found = re.findall(r'<li><strong>(.*?)\.</strong> <span class="said">(.*?)</span></li>', last)
    assert 'id="left-out-title"' in last
    return {why: what for what, why in found if not any(each in why for each in OF_OTHER_STUDIES)}


def page_of(root: Path) -> str:
    with Results(root) as results:
        return build_report(results)


TOO_FEW = "The study has too few trainings a network for their spread: set seeds=8, or take the study paper."
NO_PENALTY = "The study has no models that differ in their penalty alone: add one, or take the study penalty."


def test_a_study_with_every_kind_of_model_lacks_nothing(kinds_page: str) -> None:
    assert missing(kinds_page) == []
    assert list(unasked(kinds_page)) == [TOO_FEW, NO_PENALTY]


def test_what_a_study_has_not_is_left_out_with_a_sentence(tiny_root: Path) -> None:
    page = page_of(tiny_root)
    halves = "The study has no model trained on a half of the training images, P1 or P2: add one with split p1."
    assert missing(page) == []
    assert list(unasked(page)) == [
        *(halves, "The study has no autoencoder.", TOO_FEW),
        *("The study has no two of the paper&#39;s networks.", NO_PENALTY),
    ]
    both = "Table 3: models of the two halves; Table 4: who else is fooled, across the halves"
    assert unasked(page)[halves] == both
    assert page.count(both.partition(";")[0]) == 1  # no section of its own, and no place in the contents
    assert '<p class="lead">Nothing here can be held against the paper' in page


def test_a_store_that_is_not_finished_says_what_it_lacks(kinds_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(kinds_root, root)
    for gone in ("study.zarr/transfer", "study.zarr/training", "models", "receipts"):
        shutil.rmtree(root / gone)
    metadata = root / "study.zarr" / "zarr.json"
    metadata.write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    said = missing(page_of(root))
    others = [sentence for sentence in said if "the store lacks transfer" not in sentence]
    assert len(said) - len(others) == 7  # 4 tables, their maps, Figure 7, the claims
    wanted = ("weights of ae40-10 cannot be used", "no training curves", "weights of conv4-10 cannot be used")
    assert len(others) == len(wanted)
    assert all(part in sentence for part, sentence in zip(wanted, others, strict=True))


def test_tables_are_read_as_the_run_drew_them(kinds_root: Path, kinds_page: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(kinds_root, root)
    shutil.rmtree(root / "study.zarr" / "transfer")
    (root / "study.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    with Results(root) as results:
        page = build_report(results, explanations={})
    grid = re.compile(r'<table id="grid-2-random".*?</table>', re.DOTALL)
    assert grid.findall(page) == grid.findall(kinds_page) != []
    assert len(missing(page)) == 1  # Figure 7, whose accuracies stand in no table


def test_a_table_and_a_figure_from_outside_have_a_section_each(tiny_root: Path) -> None:
    def table(results: Results) -> xr.Dataset:
        names = np.array([spec.name for spec in results.study.models], np.dtypes.StringDType())
        attributes = {"table": "layers-of", "title": "how many layers there are"}
        return xr.Dataset(
            {"layers": ("model", [len(spec.decay) for spec in results.study.models])}, {"model": names}, attributes
        )

    def figure(results: Results) -> Figure:
        drawn = Figure()
        drawn.suptitle(results.study.name)
        return drawn

    TABLES.add(Table("layers-of", "how many layers there are", table, heading="Layers of <each>"))
    FIGURES.add(FigureEntry("name", "what it is called", figure, alt="A name in large letters."))
    try:
        page = page_of(tiny_root)
    finally:
        TABLES.remove("layers-of")
        FIGURES.remove("name")
    for part in (
        '<a href="#table-layers-of">Layers of &lt;each&gt;</a>',
        '<table id="grid-layers-of-0"',
        '<th scope="row">fc20-10</th>',
        '<a href="#figure-name">what it is called</a>',
        'alt="A name in large letters."',
        "<figcaption>what it is called</figcaption>",
    ):
        assert part in page
    assert "layers-of" not in page_of(tiny_root)


def test_the_file_is_written_whole_or_the_reason_is_said(tiny_root: Path, tmp_path: Path) -> None:
    results = Results(tiny_root)
    path = tmp_path / "a" / "report.html"
    assert write_report(results, path) == path
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"report\.html cannot be written"):
        write_report(results, tmp_path / "file" / "report.html")
