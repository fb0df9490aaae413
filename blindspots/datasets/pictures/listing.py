"""Which files are the pictures of a data set, and of which class each is, as names of files and folders tell."""

import csv
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blindspots.datasets.pictures.split_folders import SPLITS, looked_through, split_folders
from blindspots.datasets.whereabouts import PICTURES, not_there
from blindspots.errors import InputError
from blindspots.names import as_plain

logger = logging.getLogger(__name__)

_WNID = re.compile(r"(n\d{8})(?:_(.+))?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_WHOLE = re.compile(r"(\d+)(?:\.0*)?")
_SYNSETS = ("LOC_synset_mapping.txt", "synset_words.txt")
"""Files that come with ImageNet: a line a class, its wnid and its names."""
_COLUMNS = {
    "path": ("path", "paths", "file", "filename", "file_name", "filepath", "filepaths", "image", "image_path", "img"),
    "label": ("label", "labels", "class", "class_name", "category", "target"),
    "split": ("split", "set", "subset", "data set", "partition"),
}
"""What the columns of a table are called, in capitals too."""

_SHOWN = 3  # classes in an error
_MOST_DIGITS = 6
"""Of a label that is a number: more classes than that have no place in memory."""
_LEFT_BEHIND = ("Thumbs.db", "desktop.ini", "__MACOSX")
"""What systems leave in folders and archives of pictures beside what begins with a dot."""

Stray = tuple[str, str]
"""A file's name, and why it is no picture of a class."""


@dataclass(frozen=True)
class Listed:
    """A file that is to be a picture."""

    split: str
    """train or test."""
    name: str
    """Its path in the data set, or as the table has it."""
    path: Path
    key: str
    """What its class is known by: a wnid, a folder's name, a label."""


@dataclass(frozen=True)
class Listing:
    """The files of a data set, by split and name, and its classes in the order of their labels."""

    files: tuple[Listed, ...]
    keys: tuple[str, ...]
    names: tuple[str, ...]
    strays: tuple[Stray, ...]


def list_pictures(path: Path) -> Listing:
    """Return the pictures in a folder, or of a CSV file with the columns ``path``, ``label`` and perhaps ``split``.

    A folder holds a folder for each class, as ImageNet's does, with files in it and in folders below it, or files that
    are named ``wnid_label``; or the folders ``train`` and ``test`` or ``val``, each with one of these, or what else
    :func:`.split_folders` takes for them. Without them all is of the split test. Classes are in the order of their
    sorted wnids or folders' names; a label that behind the wnid is the same for all its files is the class's name, and
    ImageNet's own list of names is used where it lies in the folder. Then the classes are those of the list, whether or
    not there is a picture of each. Names that begin with a dot are left alone, and what systems leave behind
    (``Thumbs.db``, ``desktop.ini``, ``__MACOSX``).

    Raises :class:`InputError` where there is no such folder or file, or nothing of this in it.
    """
    if path.suffix.lower() == ".csv" and not path.is_dir():
        return _of_table(path)
    if not path.is_dir():
        raise not_there(path, PICTURES)
    inside = {each.name for each in _visible(path) if each.is_dir()}
    splits = split_folders(path, inside)
    parts = _parts(path, splits)
    if parts and "test" not in parts.values():
        raise InputError(f"{path} has the folder train, and neither test nor val, of which a study's images are")
    found: list[tuple[Listed, str]] = []
    strays: list[Stray] = []
    for name, split in (parts or {"": "test"}).items():
        files, others = _of_folder(path, path / name, split)
        found += files
        strays += others
    if parts:
        strays += [(each.name, "is in no split") for each in _visible(path) if each.name not in splits]
    if not found:
        raise InputError(f"{path} holds neither a folder a class nor pictures that are named wnid_label, as ImageNet's")
    keys, names = _classes(path, found)
    ordered = sorted((file for file, _ in found), key=lambda file: (file.split, file.name))
    _check_in_common(path, ordered)
    return Listing(tuple(ordered), keys, names, tuple(strays))


def _parts(path: Path, parts: dict[str, str]) -> dict[str, str]:
    """Return the folders of splits, one a split: of ``val`` and ``test`` the one whose pictures have classes."""
    for split in set(parts.values()):
        rivals = [name for name in parts if parts[name] == split]
        labelled = [name for name in rivals if len(rivals) > 1 and _of_folder(path, path / name, split)[0]]
        if len(labelled) > 1:
            both = " and ".join(labelled)
            raise InputError(f"{path} has both the folders {both}; leave one of them, or name it by itself")
        for name in rivals:
            if labelled and name not in labelled:
                logger.warning("%s: the pictures in %s have no classes, and %s is taken", path, name, labelled[0])
                parts = {each: kept for each, kept in parts.items() if each != name}
    return parts


def _check_in_common(path: Path, files: Sequence[Listed]) -> None:
    """Raise :class:`InputError` where none of the test's pictures is of a class that those for training have.

    Their folders are then no classes, such as ``images`` and ``unknown``.
    """
    train, test = ({file.key for file in files if file.split == split} for split in ("train", "test"))
    if train and not train & test:
        raise InputError(
            f"{path}: no picture of the split test is of a class that those of train have: they are of {_some(test)}, "
            f"and those of train of {_some(train)}"
        )


def _some(keys: set[str]) -> str:
    more = len(keys) - _SHOWN
    return ", ".join(sorted(keys)[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _visible(folder: Path) -> list[Path]:
    left = (*_SYNSETS, *_LEFT_BEHIND)
    return sorted(each for each in folder.iterdir() if each.name[0] != "." and each.name not in left)


def _within(folder: Path) -> Iterator[Path]:
    """Yield the files in a class's folder and in folders below it, as torchvision's ``ImageFolder`` finds them."""
    for each in _visible(folder):
        if each.is_dir():
            yield from _within(each)
        else:
            yield each


def _of_folder(root: Path, folder: Path, split: str) -> tuple[list[tuple[Listed, str]], list[Stray]]:
    """Return the files of a split, each with the label in its class's name, and what else lies there."""
    visible = _visible(folder)
    while folder != root and (inner := looked_through(folder, visible)) is not None:
        folder, visible = inner, _visible(inner)
    folders = [each for each in visible if each.is_dir()]
    found, strays = [], []

    def add(file: Path, named: str) -> None:
        wnid = _WNID.fullmatch(named)
        key, label = (wnid[1], wnid[2] or "") if wnid else (named, "")
        found.append((Listed(split, file.relative_to(root).as_posix(), file, key), label))

    for each in folders:
        for file in _within(each):
            add(file, each.name)
    for file in (each for each in visible if not each.is_dir()):
        if folders:
            strays.append((file.relative_to(root).as_posix(), "lies beside the classes' folders"))
        elif _WNID.fullmatch(file.stem):
            add(file, file.stem)
        else:
            strays.append((file.relative_to(root).as_posix(), "is not named wnid_label"))
    return found, strays


def _classes(root: Path, found: list[tuple[Listed, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the classes' keys, sorted, and their names."""
    labels: dict[str, set[str]] = {}
    for file, label in found:
        labels.setdefault(file.key, set()).add(label)
    listed = _synsets(root)
    unknown = sorted(labels.keys() - listed.keys())
    if listed and unknown:
        raise InputError(f"{root}: its list of classes lacks {unknown[0]}, of which there are pictures")
    if listed:
        keys = sorted(listed)
        return tuple(keys), tuple(listed[key] for key in keys)
    keys = sorted(labels)
    names = [min(labels[key]) if len(labels[key]) == 1 else "" for key in keys]
    return tuple(keys), tuple(as_plain(name or key).replace("_", " ") for name, key in zip(names, keys, strict=True))


def _synsets(root: Path) -> Mapping[str, str]:
    for name in _SYNSETS:
        if (root / name).is_file():
            lines = (root / name).read_text(encoding="utf-8").splitlines()
            return {key: text.strip() for key, _, text in (line.partition(" ") for line in lines) if key}
    return {}


def _of_table(path: Path) -> Listing:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(csv.DictReader(file, strict=True), path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the data set {path} cannot be read: {reason}; a .csv file of path,label is wanted") from None
    if not rows:
        raise InputError(f"{path.name} names no picture; a line with path,label is wanted for each")
    name, count = Counter(row.name for row in rows).most_common(1)[0]
    if count > 1:
        raise InputError(f"{path.name} names the picture {name} {count} times")
    if not any(row.split == "test" for row in rows):
        raise InputError(f"{path.name} has no picture of the split test, of which a study's images are")
    keys = {row.key for row in rows}
    if all(_NUMBER.fullmatch(key) for key in keys):  # numbers are labels as they are
        numbers = {key: _integer(key, path.name) for key in sorted(keys)}
        ordered = [str(number) for number in range(max(numbers.values()) + 1)]
        rows = [Listed(row.split, row.name, row.path, str(numbers[row.key])) for row in rows]
    else:
        ordered = sorted(keys)
    files = sorted(rows, key=lambda file: (file.split, file.name))
    _check_in_common(path, files)
    return Listing(tuple(files), tuple(ordered), tuple(ordered), ())


def _integer(key: str, file: str) -> int:
    """Return a label that is a number as an integer: "3.0" too, as pandas writes 3 where another label is missing."""
    whole = _WHOLE.fullmatch(key)
    if whole is None:
        raise InputError(f"{file}: the label {key[:20]} is no integer from 0 on; numbers are labels as they are")
    if len(whole[1].lstrip("0")) > _MOST_DIGITS:
        raise InputError(f"{file}: the label {key[:20]} is too large; numbers are labels as they are")
    return int(whole[1])


def _rows(reader: "csv.DictReader[str]", path: Path) -> Iterator[Listed]:
    columns = _columns(reader.fieldnames or [], path)
    for row in reader:
        name, label, split = (
            str(row[columns[column]] or "").strip() if column in columns else "" for column in _COLUMNS
        )
        if not name or not label or None in row:
            raise InputError(f"{path.name}, line {reader.line_num}: a path and a label are wanted")
        if split and split.lower() not in SPLITS:
            raise InputError(f"{path.name}, line {reader.line_num}: the split {split!r} is neither train nor test")
        yield Listed(SPLITS[split.lower() or "test"], name, path.parent / name, label)


def _columns(names: Sequence[str], path: Path) -> dict[str, str]:
    """Return which of a table's columns has the paths, which the labels, and which the splits, if one has."""
    found: dict[str, str] = {}
    for column, known in _COLUMNS.items():
        fitting = [name for name in names if name.strip().lower() in known]
        exact = [name for name in fitting if name.strip().lower() == column] or fitting
        if len(exact) > 1:
            raise InputError(f"{path.name} has the columns {' and '.join(exact)}; one of them is to be {column}")
        if exact:
            found[column] = exact[0]
    if not {"path", "label"} <= found.keys():
        said = ", ".join(names) or "of none"
        raise InputError(f"{path.name} has the columns {said}; path, label and perhaps split are wanted")
    others = [name for name in names if name not in found.values()]
    if others:
        logger.warning("%s: the columns %s are not looked at", path.name, ", ".join(others))
    return found
