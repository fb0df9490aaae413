"""Tables of pixels, as Kaggle hands them on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from blindspots.datasets.loading import holds_arrays, load_dataset
from blindspots.datasets.pixel_table import tables_in
from blindspots.errors import InputError

RANDOM = np.random.default_rng(0)


def table(
    path: Path, rows: int = 12, *, label: str | None = "label", scale: float = 1, last: bool = False
) -> np.ndarray:
    """Write a table of 3 x 3 pixels and return what is in it: labels first, where there are any."""
    values = RANDOM.integers(0, 256, (rows, 9))
    values[:2] = [[0], [255]]
    names = [f"pixel{at}" for at in range(9)]
    columns = [(values * scale).astype(str), (np.arange(rows) % 3)[:, None].astype(str)]
    order = columns if last else columns[::-1]
    lines = np.hstack(order if label is not None else columns[:1])
    header = [*names, label or "label"] if last else [label or "label", *names]
    text = [",".join(header if label is not None else names)] if label != "" else []
    path.write_text("\n".join([*text, *map(",".join, lines)]) + "\n", encoding="utf-8-sig" if last else "utf-8")
    return values.reshape(rows, 3, 3)


def test_a_folder_of_two_tables_has_two_splits(tmp_path: Path) -> None:
    train, test = table(tmp_path / "mnist_train.csv"), table(tmp_path / "mnist_test.csv", 6, label="Class", last=True)
    found = load_dataset(f"{tmp_path}/")
    assert (found.shape, found.class_names, len(found.ids("train"))) == ((1, 3, 3), ("0", "1", "2"), 12)
    for split, values in (("train", train), ("test", test)):
        assert torch.equal(found.images(split)[:, 0], torch.from_numpy(values / 255).float())
        assert found.labels(split).tolist() == [0, 1, 2] * (len(values) // 3)
    assert holds_arrays(str(tmp_path), None)


def test_suffixes_in_capitals_are_the_same(tmp_path: Path) -> None:
    table(tmp_path / "TRAIN.CSV")
    table(tmp_path / "TEST.CSV", 6)
    assert load_dataset(f"{tmp_path}/").splits == ("train", "p1", "p2", "test")
    assert load_dataset(str(tmp_path / "TEST.CSV")).splits == ("test",)


def test_where_the_test_has_no_labels_some_rows_are_held_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = table(tmp_path / "train.csv", 12)
    table(tmp_path / "test.csv", 4, label=None)
    found = load_dataset(f"{tmp_path}/")
    assert torch.equal(found.images("test")[:, 0] * 255, torch.from_numpy(values[10:]).float())
    assert len(found.ids("train")) == 10
    assert found.labels("test").tolist() == [1, 2]
    assert "the last 2 of those for training take their place" in caplog.text


@pytest.mark.parametrize("label", ["label", ""])
def test_a_table_alone_is_the_split_test_with_names_or_without(label: str, tmp_path: Path) -> None:
    values = table(tmp_path / "digits.csv", label=label)
    found = load_dataset(str(tmp_path / "digits.csv"))
    assert found.splits == ("test",)
    assert torch.equal(found.images("test")[:, 0] * 255, torch.from_numpy(values).float())
    assert found.labels("test").tolist() == [0, 1, 2] * 4


def test_numbers_from_0_to_1_are_kept(tmp_path: Path) -> None:
    values = table(tmp_path / "digits.csv", scale=1 / 256)
    found = load_dataset(str(tmp_path / "digits.csv"))
    assert torch.equal(found.images("test")[:, 0], torch.from_numpy(values / 256).float())


@pytest.mark.parametrize(("train", "test"), [("01", "01"), ("grey", "01"), ("01", "grey"), ("grey", "grey")])
def test_tables_of_0_and_1_are_black_and_white(train: str, test: str, tmp_path: Path) -> None:
    drawn = {}
    for split, kind in (("train", train), ("test", test)):
        drawn[split] = RANDOM.integers(0, 2, (6, 9)) if kind == "01" else RANDOM.random((6, 9)).round(3)
        drawn[split][0] = 1
        lines = [",".join(["label", *(f"pixel{at}" for at in range(9))])]
        lines += [",".join(map(str, (at % 2, *row))) for at, row in enumerate(drawn[split].tolist())]
        (tmp_path / f"{split}.csv").write_text("\n".join(lines) + "\n")
    found = load_dataset(f"{tmp_path}/")
    for split, values in drawn.items():
        assert torch.equal(found.images(split).flatten(1), torch.from_numpy(values).float())


def test_tables_of_two_scales_are_refused(tmp_path: Path) -> None:
    table(tmp_path / "train.csv")
    table(tmp_path / "test.csv", scale=1 / 256)
    with pytest.raises(InputError, match=r"the pixels for train go to 255, and others are numbers in \[0, 1\]"):
        load_dataset(f"{tmp_path}/")


def without_names(path: Path, values: np.ndarray) -> str:
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in values.tolist()))
    return str(path)


@pytest.mark.parametrize("scale", [1, 1 / 256])
def test_labels_behind_the_pixels_are_not_taken_for_one(scale: float, tmp_path: Path) -> None:
    values = RANDOM.integers(0, 256, (200, 9))
    values[0] = values[0, 0]
    values[1:5] = 255
    labels = (np.arange(200) % 10)[:, None]
    path = tmp_path / "t.csv"
    with pytest.raises(InputError, match="the last one looks like them: put the labels first, or a line of names"):
        load_dataset(without_names(path, np.hstack([values * scale, labels])))


def test_labels_before_the_pixels_are_taken_whatever_the_last_pixel_is(tmp_path: Path) -> None:
    values, labels = RANDOM.integers(0, 256, (200, 9)), np.arange(200)[:, None]
    values[0] = values[0, 0]
    for last, named in (
        (labels[:, 0] % 2, labels % 10 * 3),  # dark noise
        (labels[:, 0] % 3, labels % 200),  # an image a class
        (labels[:, 0] % 10, labels % 7 * 3),  # some classes have no image, and the last pixel is as a label
        (np.arange(200) == 7, labels % 10 * 3),  # a corner that is nearly always black
    ):
        values[:, -1] = last
        found = load_dataset(without_names(tmp_path / "t.csv", np.hstack([named, values])))
        assert found.labels("test").tolist() == named[:, 0].tolist()
    few = np.hstack([np.array([[0], [2], [3], [5]]), RANDOM.integers(0, 2, (4, 8)), np.array([[0], [1], [0], [1]])])
    assert load_dataset(without_names(tmp_path / "t.csv", few)).classes == 6
    black = np.hstack([labels % 30 * 7, RANDOM.integers(0, 2, (200, 8)), labels % 2])
    assert load_dataset(without_names(tmp_path / "t.csv", black)).classes == 204


HEADER = "label," + ",".join(f"pixel{at}" for at in range(4)) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "0,1,2,3,256\n1,0,0,0,0\n", "has pixels from 0 to 256; 0 to 255 in integers"),
        (HEADER + "0,1,2,3,0.5\n1,0,0,0,0\n", "has pixels from 0 to 3"),
        (HEADER + "0,1,2,3\n1,0,0,0,0\n", "the table t.csv cannot be read"),
        (HEADER + "0,1,2,3,x\n", "the table t.csv cannot be read: could not convert string 'x'"),
        (HEADER + "-1,1,2,3,4\n", "its labels are not integers from 0"),
        (HEADER + "0,1,2,3,4\n", "has 1 class; two at least"),
        (HEADER, "the table t.csv has no row of pixels below its names"),
        (HEADER.replace(",", ";") + "0;1;2;3;4\n", "the columns of t.csv are parted by semicolons; commas are wanted"),
        ("path\tlabel\na.png\t0\n", "the columns of t.csv are parted by tabs"),
        ("," + HEADER + "0,0,1,2,3,4\n", "t.csv begins with a column of row numbers, as pandas writes its index"),
        ("Unnamed: 0," + HEADER + "0,0,1,2,3,4\n", "write it with index=False"),
        (HEADER[:-1] + ",pixel4\n0,1,2,3,4,5\n", "has 5 pixels a row; a square number is wanted"),
        (",".join(f"p{at}" for at in range(9)) + "\n0,1,2,3,4,5,6,7,8\n", "has no column of labels"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_another_table_is_refused_on_one_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=said) as error:
        load_dataset(str(tmp_path / "t.csv"))
    assert "\n" not in str(error.value)


def test_a_table_of_paths_is_none_of_pixels(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("path,label\na.jpg,3\n")
    assert tables_in(tmp_path) == tables_in(tmp_path / "train.csv") == tables_in(tmp_path / "none.csv") == {}
    assert not holds_arrays(str(tmp_path / "train.csv"), None)
    assert not holds_arrays("mnist", None)
