import csv
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from blindspots.errors import InputError
from blindspots.results import Results, exporting
from blindspots.results.exporting import check_kind, exported_files, set_columns
from blindspots.results.queries.choice import SetName

SET = SetName("fc10", 0, "train", "random")


def test_arrays_are_the_set_s(tiny_root: Path) -> None:
    with Results(tiny_root) as results:
        found = results.group(SET.group)
        ((name, content),) = exported_files(results, SET, ".npz", limit=30)
        assert name == ""
        arrays = np.load(io.BytesIO(content))
        np.testing.assert_array_equal(arrays["distorted"], arrays["original"] + found.perturbation.values[:30])
        np.testing.assert_array_equal(arrays["original"], results.dataset.images("train", arrays["example"]))
        for column in ("example", "label", "target", "predicted", "distortion", "success"):
            np.testing.assert_array_equal(arrays[column], found[column].values[:30])
        np.testing.assert_array_equal(arrays["read_by_fc10"], arrays["predicted"])
        assert (arrays["read_by_fc20-10"] != arrays["predicted"]).any()


def test_columns_as_a_table(tiny_root: Path) -> None:
    with Results(tiny_root) as results:
        found = results.group(SET.group)
        ((_, content),) = exported_files(results, SET, ".csv")
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        assert [int(row["example"]) for row in rows] == found.example.values.tolist()
        assert [float(row["distortion"]) for row in rows] == found.distortion.values.tolist()
        assert set_columns(results, SET)["distortion"].attrs["units"] == "pixel value"
        noise = set_columns(results, SetName("noise-1", 0, "train", "none"))
        assert {"example", "label", "distortion", "read_by_fc10"} <= set(noise.data_vars)


def test_parquet_has_the_same_columns(tiny_root: Path) -> None:
    with Results(tiny_root) as results:
        ((_, content),) = exported_files(results, SET, ".parquet", limit=7)
        table = pyarrow.parquet.read_table(io.BytesIO(content)).to_pydict()
        assert table["distortion"] == results.group(SET.group).distortion.values[:7].tolist()


def test_previews_say_that_they_are_rounded(tiny_root: Path) -> None:
    with Results(tiny_root) as results:
        found = results.group(SET.group)
        files = dict(exported_files(results, SET, "", limit=3))
        original = results.dataset.images("train", found.example.values[:3]).numpy()
    assert len(files) == 3
    name = f"{int(found.example[1])}-class-{int(found.label[1])}-preview.png"
    with Image.open(io.BytesIO(files[name])) as picture:
        assert "rounded to 8 bits" in picture.info["Comment"]
        wanted = np.rint((original[1, 0] + found.perturbation.values[1, 0]) * 255)
        np.testing.assert_array_equal(np.asarray(picture), wanted)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_previews_of_any_number_of_channels(channels: int) -> None:
    image = np.linspace(-0.1, 1.1, channels * 20, dtype=np.float32).reshape(channels, 4, 5)
    with Image.open(io.BytesIO(exporting._preview(image))) as picture:
        assert picture.size == (5, 4)
        assert picture.mode == ("RGB" if channels == 3 else "L")


def test_what_cannot_be_exported_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"no set is exported as \.xls; take \.npz"):
        check_kind(".xls")
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'blindspots\[parquet\]'"):
        check_kind(".parquet")
    check_kind(".npz")
