"""What the report leaves out and says so, the hook for explanations, and the file."""

import re
import shutil
from pathlib import Path

import pytest
import xarray as xr
from blindspots.report.picture_sections import negatives_section

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.jobs.workspace import Workspace
from blindspots.report import write_report
from blindspots.report.blocks import Findings, Missing
from blindspots.report.build import build_report
from blindspots.report.findings import Ledger
from blindspots.report.table_sections import table_sections
from blindspots.store.layout import Layout
from blindspots.study.study import Study
from blindspots.tables import build_table

pytestmark = pytest.mark.xdist_group("report")


def missing(page: str) -> list[str]:
    return re.findall(r'<p class="missing">(.*?)</p>', page)


NO_PENALTY = "Left out: the study has no models that differ in their penalty alone; the study penalty has."


def page_of(root: Path, study: Study, dataset: Dataset) -> str:
    with xr.open_datatree(root / "study.zarr", engine="zarr", chunks=None, consolidated=False) as tree:
        return build_report(tree, study, dataset, Layout.at(root))


def test_a_study_with_every_kind_of_model_lacks_nothing(kinds_page: str) -> None:
    assert missing(kinds_page) == [NO_PENALTY]


def test_what_a_study_has_not_is_left_out_with_a_sentence(tiny_root: Path, tiny: Study, mnist: Dataset) -> None:
    page = page_of(tiny_root, tiny, mnist)
    halves = "Left out: the study has no model trained on a half of the training images, P1 or P2."
    assert missing(page) == [halves, halves, "Left out: the study has no autoencoder.", NO_PENALTY]
    assert '<p class="lead">Nothing here can be held against the paper' in page


def test_a_study_without_negatives_says_so(kinds: Study) -> None:
    section = negatives_section(xr.DataTree(), kinds)
    assert section.blocks == (Missing("Left out: the study has counted no adversarial negatives."),)


def test_a_store_that_is_not_finished_says_what_it_lacks(
    kinds_root: Path, kinds: Study, mnist: Dataset, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(kinds_root, root)
    shutil.rmtree(root / "study.zarr" / "transfer")
    shutil.rmtree(root / "study.zarr" / "training")
    shutil.rmtree(root / "models")
    shutil.rmtree(root / "receipts")
    said = missing(page_of(root, kinds, mnist))
    assert sum("the store lacks transfer" in sentence for sentence in said) == 5  # four tables, and Figure 7's accuracy
    assert "there is no set here" in said[4]
    assert "weights of ae400-10 cannot be used" in said[6]
    assert "no training curves" in said[7]
    assert "weights of conv4-10 cannot be used" in said[8]
    assert said[9:] == [NO_PENALTY]


def test_explanations_are_found_by_pattern_and_others_are_left_open(kinds_root: Path, kinds: Study) -> None:
    known = {
        "table1/errors/none/fc10-1e-4/test": "Three hundred images are few.",
        "table1/errors/*": "It was hardly trained.",
    }
    with xr.open_datatree(kinds_root / "study.zarr", engine="zarr", chunks=None) as tree:
        ledger = Ledger(known)
        sections = table_sections({1: build_table(1, tree, kinds), 3: build_table(3, tree, kinds)}, ledger)
    said = {finding.key: finding.explanation for finding in ledger.found}
    assert said.pop("table1/errors/none/fc10-1e-4/test") == "Three hundred images are few."
    assert said.pop("table1/errors/none/fc100-100-10/test") == "It was hardly trained."
    assert {text for key, text in said.items() if key.startswith("table3/")} == {""}
    (listed,) = [block for block in sections[0].blocks if isinstance(block, Findings)]
    assert [item.number for item in listed.items] == list(range(1, len(listed.items) + 1))
    assert sections[1].blocks == (Missing("Left out: the study has no model trained on all training images."),)


def test_an_explanation_that_all_share_is_said_once(kinds_root: Path, kinds: Study) -> None:
    with xr.open_datatree(kinds_root / "study.zarr", engine="zarr", chunks=None) as tree:
        (section, *_) = table_sections({1: build_table(1, tree, kinds)}, Ledger({"*": "Hardly trained."}))
    (listed,) = [block for block in section.blocks if isinstance(block, Findings)]
    assert listed.common == "Hardly trained."
    assert {item.explanation for item in listed.items} == {""}


def test_the_file_is_written_whole_or_the_reason_is_said(tiny_root: Path, tiny: Study, tmp_path: Path) -> None:
    workspace = Workspace(tiny, tiny_root)
    path = tmp_path / "a" / "report.html"
    assert write_report(workspace, path) == path
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"report\.html cannot be written"):
        write_report(workspace, tmp_path / "file" / "report.html")
