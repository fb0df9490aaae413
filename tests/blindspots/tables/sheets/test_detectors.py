"""The table of detectors laid out, and what it says beside raw pixels."""

from pathlib import Path

from blindspots.tables.detectors import detectors_table
from blindspots.tables.sheets.detectors import detectors_sheets, verdict
from blindspots.tables.sheets.formats import render
from tests.detector_rows import held


def test_areas_with_intervals_and_what_is_missed(tmp_path: Path) -> None:
    (sheet,) = detectors_sheets(detectors_table(held(tmp_path)))
    assert sheet.rows[0] == ("pixels", "7", "0.60 [0.50, 0.70]", "", "3", "0 of 3", "")
    assert sheet.rows[2][:3] == ("theirs", "7", "0.85 [0.75, 0.95]")
    assert sheet.rows[2][3].startswith("+0.58 [+0.")
    assert sheet.rows[2][4:] == ("5", "5 of 5", "0.01000")
    assert "5 of 20 test pictures of pictures.npz show a car" in sheet.title


def test_features_that_tell_no_more_than_pixels_are_named(tmp_path: Path) -> None:
    table = detectors_table(held(tmp_path))
    said = verdict(table)
    assert said.startswith("Verdict: features of theirs tell more than raw pixels do; those of quocnet do not clearly")
    assert verdict(table.isel(extractor=[0])) == "Verdict: there are no features but the pixels to hold against them."
    assert verdict(table.isel(extractor=[0, 2])) == "Verdict: features of theirs tell more than raw pixels do."


def test_it_is_rendered_in_every_format(tmp_path: Path) -> None:
    table = detectors_table(held(tmp_path))
    for form in ("text", "markdown", "latex", "csv", "json"):
        assert "quocnet" in render(table, form)
