"""Tables whose rows are images, a column a pixel and one of labels, as Kaggle's digits are handed on."""

import csv
import logging
import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blindspots.datasets.in_memory import ArrayDataset, of_arrays
from blindspots.errors import InputError

logger = logging.getLogger(__name__)

_LABELS = ("label", "class", "target", "y")
_PIXEL = re.compile(r"(?:pixel|px|p|x)?[_ ]?\d+(?:x\d+)?", re.IGNORECASE)
_INDEX = ([""], ["Unnamed: 0"])
_MARKS = {";": "semicolons", "\t": "tabs"}
_WHITE = 255
_TELLING = 20  # rows, from which on columns of labels can be told
_HELD_OUT = 6  # of a table of training alone the last sixth is the split test: MNIST's own share is a seventh


def tables_in(path: Path) -> dict[str, Path]:
    """Return the tables of pixels that ``path`` is or holds, by split; none where there are none.

    A folder holds one whose name ends in ``train.csv`` and perhaps one that ends in ``test.csv``; a table alone is of
    the split test.

    Raises :class:`InputError` for a table of which something can be told that keeps it from being read as one.
    """
    if path.is_dir():
        tables = [each for each in path.iterdir() if each.suffix.lower() == _TABLE]
        ends = {split: [each for each in tables if each.stem.lower().endswith(split)] for split in _SPLITS}
        found = {split: each[0] for split, each in ends.items() if len(each) == 1}
        return found if all(len(each) < 2 for each in ends.values()) and all(map(_is_table, found.values())) else {}
    if path.suffix.lower() != _TABLE:
        return {}
    _check_commas(path)
    return {"test": path} if _is_table(path) else {}


_SPLITS = ("train", "test")
_TABLE = ".csv"


def _check_commas(path: Path) -> None:
    """Raise :class:`InputError` where something else parts the columns of a table."""
    first = _first_line(path)
    other = next((name for mark, name in _MARKS.items() if len(first) == 1 and mark in first[0]), None)
    if other is not None:
        raise InputError(f"the columns of {path.name} are parted by {other}; commas are wanted")


def load_tables(path: Path) -> ArrayDataset:
    """Return the data set of the tables that :func:`tables_in` finds: square images of one channel.

    A column ``label`` has integers from 0 on, the others, in their order, the pixels row by row: integers from 0 to
    255, or numbers in [0, 1], the same of all tables. Where no pixel of any is above 1 they are in [0, 1]: of tables of
    0 and 1 alone, 1 is white. Without a line of names the first column is the label's. Where the table of the split
    test has no labels, as in Kaggle's competitions, it is of no use: the last sixth of the other's rows takes its
    place, and that is logged.

    Raises :class:`InputError` for a table that cannot be read, is of other values or of no square of pixels.
    """
    pixels: dict[str, np.ndarray] = {}
    labels: dict[str, np.ndarray] = {}
    for split, table in tables_in(path).items():
        images, found = _read(table)
        if found is None:
            if split == "train" or not pixels:
                raise InputError(f"{table.name} has no column of labels, one of {', '.join(_LABELS)}")
            continue
        pixels[split], labels[split] = images, found
    if "test" not in pixels:
        rows = len(labels["train"]) // _HELD_OUT
        if not rows:
            raise InputError(f"{path} has {len(labels['train'])} labelled images, too few to hold some out for a test")
        logger.warning(
            "%s has no labelled images for a test: the last %d of those for training take their place", path, rows
        )
        for of in (pixels, labels):
            of["train"], of["test"] = of["train"][:-rows], of["train"][-rows:]
    _check_scales(pixels, path.name)
    return of_arrays(path.name, pixels, labels)


def _check_scales(pixels: dict[str, np.ndarray], name: str) -> None:
    """Raise :class:`InputError` where some images are integers beyond 1, and others numbers in [0, 1]."""
    if all(images.dtype == np.uint8 for images in pixels.values()):
        return
    for split, images in pixels.items():
        if images.max() > 1:
            raise InputError(
                f"{name}: the pixels for {split} go to {images.max()}, and others are numbers in [0, 1]; bring them to "
                "one scale"
            )


def _is_table(path: Path) -> bool:
    """Tell by its first line whether a file's columns are pixels, with or without names."""
    first = _first_line(path)
    if first[:1] in _INDEX and _are_pixels(first[1:]):
        raise InputError(
            f"{path.name} begins with a column of row numbers, as pandas writes its index; write it with index=False"
        )
    return _are_pixels(first)


def _are_pixels(first: Sequence[str]) -> bool:
    """Tell whether columns are pixels, with one of labels or without, by the first line."""
    names = [name for name in first if name.lower() not in _LABELS]
    if len(first) < 5 or len(first) - len(names) > 1:
        return False
    return all(_PIXEL.fullmatch(name) for name in names) or _has_no_names(first)


def _has_no_names(first: Sequence[str]) -> bool:
    return all(re.fullmatch(r"\d+(\.\d+)?", value) for value in first) and len(set(first)) < len(first)


def _has_labels_last(rows: np.ndarray) -> bool:
    """Tell whether the last column looks like labels, and the first like a pixel: it has gaps, and more values.

    Few rows tell nothing. A first column that goes beyond the pixels, or not halfway as far, may be labels of which
    some lack.
    """
    first, last, pixels = rows[:, 0], rows[:, -1], rows[:, 1:-1]
    return (
        len(rows) >= _TELLING
        and len(np.unique(first)) > len(np.unique(last))
        and pixels.max() / 2 <= first.max() <= pixels.max()
        and _are_like_labels(last)
        and not _are_like_labels(first)
    )


def _are_like_labels(column: np.ndarray) -> bool:
    """Tell whether values are 0 to k or 1 to k, fewer than the shades of grey, and each comes about as often."""
    values, counts = np.unique(column, return_counts=True)
    in_a_row = values[0] in (0, 1) and np.array_equal(values, values[0] + np.arange(len(values)))
    return bool(in_a_row and 2 <= len(values) <= _WHITE and counts.min() * 4 * len(values) >= len(column))


def _first_line(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [value.strip() for value in next(csv.reader(file), [])]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the images (n, height, width) of a table, uint8 or float32, and its labels (n,) int64, None without."""
    first = _first_line(path)
    named = not _has_no_names(first)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*contained no data")  # which is said below
            rows = np.loadtxt(path, np.float64, delimiter=",", skiprows=int(named), ndmin=2, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"the table {path.name} cannot be read: {' '.join(str(error).split())[:160]}") from None
    if not rows.size:
        raise InputError(f"the table {path.name} has no row of pixels below its names")
    if rows.shape[1:] != (len(first),):
        raise InputError(f"the table {path.name} has {len(rows)} rows of {rows.shape[1]} values, not {len(first)}")
    column = next((at for at, name in enumerate(first) if name.lower() in _LABELS), None) if named else 0
    if not named and _has_labels_last(rows):
        raise InputError(
            f"{path.name} has no line of names, so its first column is taken for the labels, and the last one looks "
            f"like them: put the labels first, or a line of names above, with {_LABELS[0]} for the labels' column"
        )
    labels = None if column is None else rows[:, column]
    values = rows if column is None else np.delete(rows, column, axis=1)
    side = math.isqrt(values.shape[1])
    if side**2 != values.shape[1]:
        raise InputError(f"the table {path.name} has {values.shape[1]} pixels a row; a square number is wanted")
    whole = bool((values == values.round()).all())
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= (_WHITE if whole else 1)):
        raise InputError(f"{path.name} has pixels from {low:g} to {high:g}; 0 to 255 in integers or [0, 1] is wanted")
    images = values.astype(np.uint8 if whole else np.float32).reshape(-1, side, side)
    if labels is None:
        return images, None
    if not ((labels == labels.round()) & (labels >= 0) & (labels < 2**15)).all():
        raise InputError(f"{path.name}: its labels are not integers from 0 to {2**15 - 1}")
    return images, labels.astype(np.int64)
