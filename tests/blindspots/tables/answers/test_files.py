"""Answers written: what other programs read back is what was answered."""

import csv
import importlib.util
import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.results.queries.answers import answer, shares
from blindspots.tables.answers import SUFFIXES, answer_file, check_suffix, render_answer
from blindspots.tables.answers import files as module


@pytest.fixture
def answered() -> xr.Dataset:
    """Of two models: a share, a distance that is infinite, and a cell of no images."""
    n = np.array([[40, 10], [0, 20]])
    dims = ("model", "label")
    return answer(
        "by-class",
        "how often",
        {
            "n": (dims, n, "images"),
            **shares("misread", dims, np.array([[10, 10], [0, 1]]), n, "share misread"),
            "distance": (dims, np.array([[0.125, np.inf], [0, 1 / 3]]), "how far", "pixel value"),
        },
        {"model": ["fc10|1", "fc20"], "label": [3, 7]},
        note="Of a test.",
    )


def test_text_has_an_interval_beside_what_it_is_of(answered: xr.Dataset) -> None:
    text = render_answer(answered, "text", width=60)
    assert text.splitlines()[0] == "How often"
    lines = [line.split("  ") for line in text.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert ["fc10|1", "3", "40", "0.25 [0.1419, 0.4019]", "0.125"] in cells
    assert ["fc20", "7", "20", "0.05 [0.008881, 0.2361]", "0.3333"] in cells
    assert text.count("fc20 ") == 1, "a cell of no images"
    assert max(map(len, text.splitlines())) <= 60
    assert "misread: share misread. distance: how far. In brackets: 95% intervals." in " ".join(text.split())
    assert r"fc10\|1" in render_answer(answered, "markdown")
    assert "toprule" in render_answer(answered, "latex")
    with pytest.raises(InputError, match="text, markdown, csv"):
        render_answer(answered, "word")


def test_csv_and_json_have_every_number_unrounded(answered: xr.Dataset) -> None:
    rows = list(csv.DictReader(io.StringIO(render_answer(answered, "csv"))))
    assert [(row["model"], row["label"]) for row in rows] == [("fc10|1", "3"), ("fc10|1", "7"), ("fc20", "7")]
    assert float(rows[2]["distance"]) == 1 / 3
    content = json.loads(render_answer(answered, "json"))
    assert content["attributes"]["question"] == "by-class"
    assert content["records"][1]["distance"] is None
    assert content["records"][2]["label"] == 7
    assert content["records"][0]["misread_low"] == float(answered.misread_low[0, 0])


def test_netcdf_is_the_dataset(answered: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(answer_file(answered, ".nc"))
    with xr.open_dataset(tmp_path / "a.nc", engine="scipy") as found:
        assert found.model.values.astype(str).tolist() == ["fc10|1", "fc20"]
        for name, array in answered.data_vars.items():
            np.testing.assert_array_equal(found[name].values, array.values)
            assert found[name].attrs["units"] == array.attrs["units"]
        assert found.attrs["title"] == "how often"


def test_parquet_is_a_row_a_cell(answered: xr.Dataset) -> None:
    found = pyarrow.parquet.read_table(io.BytesIO(answer_file(answered, ".parquet"))).to_pydict()
    assert found["model"] == ["fc10|1", "fc10|1", "fc20"]
    assert found["label"] == [3, 7, 7]
    assert found["misread_high"][0] == float(answered.misread_high[0, 0])


@pytest.mark.parametrize("suffix", [each for each in SUFFIXES if each != ".parquet"])
def test_every_kind_of_file_can_be_written(answered: xr.Dataset, suffix: str) -> None:
    assert answer_file(answered, suffix)


def test_what_cannot_be_written_is_said(answered: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"no answer is written as \.xls; take \.txt, .*\.nc"):
        answer_file(answered, ".xls")
    with pytest.raises(InputError, match="as a file without a suffix"):
        check_suffix("")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs PyArrow: pip install 'blindspots\[parquet\]'"):
        check_suffix(".parquet")
    monkeypatch.setattr(module, "find_spec", importlib.util.find_spec)
