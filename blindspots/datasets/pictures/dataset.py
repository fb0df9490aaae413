"""A data set of pictures, which are read and decoded when they are asked for."""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blindspots.datasets.labelled import LabelledSplits
from blindspots.datasets.pictures.checked import Checked, check_files, read_checked
from blindspots.datasets.pictures.decoding import GREY, decoded
from blindspots.datasets.pictures.listing import Listed, Listing, Stray, list_pictures
from blindspots.errors import InputError
from blindspots.identity import identity
from blindspots.study.pictures_spec import PicturesSpec

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

_KEPT_BYTES = 1 << 28
"""Decoded pictures that a process keeps: above a thousand of ImageNet's, for who looks at them layer after layer."""
_LARGEST_LABEL = 32_767  # what a store's int16 holds
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class PictureDataset(LabelledSplits):
    """Pictures in files, by split; see :func:`load_pictures`."""

    files: dict[str, tuple[tuple[Path, str], ...]]
    """Path and SHA-256 of every picture of train and test, or of test alone, in the order of the ids."""
    wanted: PicturesSpec
    """What is cut out of each."""
    class_keys: tuple[str, ...]
    """What the classes are known by: wnids, folders' names, labels."""
    left_out: tuple[str, ...] = ()
    """The files that were left out, since they are damaged or no pictures."""
    _kept: "OrderedDict[Path, np.ndarray]" = field(default_factory=OrderedDict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image: (channels, height, width)."""
        assert self.wanted.size is not None  # for the type checker: load_pictures sees to it
        return (self.wanted.channels, self.wanted.size, self.wanted.size)

    def read(self, stored: str, ids: np.ndarray) -> "torch.Tensor":
        """Return the images ``ids`` of train or test: (n, channels, height, width) float32 in [0, 1].

        Raises :class:`InputError` for a file that is not what it was when the data set was loaded.
        """
        import torch

        images = torch.empty((len(ids), *self.shape), dtype=torch.float32)
        for row, index in enumerate(ids):
            images[row] = torch.from_numpy(self._pixels(*self.files[stored][index]))
        return images.div_(255)

    def _pixels(self, path: Path, sha256: str) -> np.ndarray:
        """Return a picture's pixels, and keep them for a while: stages look at the same images one after another."""
        kept = self._kept.pop(path, None)
        pixels = decoded(read_checked(path, sha256), self.wanted) if kept is None else kept
        self._kept[path] = pixels
        if len(self._kept) * pixels.nbytes > _KEPT_BYTES:
            self._kept.popitem(last=False)
        return pixels


def load_pictures(path: Path, wanted: PicturesSpec) -> PictureDataset:
    """Return the pictures in the folder or of the table ``path``, as :func:`.list_pictures` finds them.

    Every file is decoded once, here, so that nothing is met later; see :func:`.check_files`. What the data set is known
    by is the hash of names, bytes and labels, and of what is cut out of the pictures.

    Raises :class:`InputError` for a file that is damaged, or no picture, unless those are left out; for a picture of
    one channel where three are wanted; and where ``wanted`` lacks the size.
    """
    if wanted.size is None:
        raise InputError("pictures.size is wanted: the height and width of an image, such as 224")
    listing = list_pictures(path)
    checked = check_files(path, [file.path for file in listing.files])
    problems = [*listing.strays, *_problems(listing, checked)]
    if problems and not wanted.skip_damaged:
        raise InputError(
            f"{_said(problems)}; put that right, or leave such files out with --skip-damaged "
            "(pictures.skip_damaged=true)"
        )
    if problems:
        logger.warning("%d file(s) of %s are left out: %s", len(problems), path, _said(problems))
    pairs = [(file, each) for file, each in zip(listing.files, checked, strict=True) if not each.found.problem]
    _check_channels([file for file, each in pairs if each.found.kind == GREY], wanted)
    return _dataset(path, listing, pairs, wanted, tuple(sorted(name for name, _ in problems)))


def _problems(listing: Listing, checked: Sequence[Checked]) -> list[Stray]:
    files = zip(listing.files, checked, strict=True)
    return [(file.name, each.found.problem) for file, each in files if each.found.problem]


def _said(problems: list[Stray]) -> str:
    shown = "; ".join(f"{name}: {problem}" for name, problem in sorted(problems)[:_SHOWN])
    more = len(problems) - _SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown


def _check_channels(grey: list[Listed], wanted: PicturesSpec) -> None:
    if grey and wanted.channels == 3 and not wanted.grey:
        more = f" (and {len(grey) - 1} more)" if len(grey) > 1 else ""
        raise InputError(
            f"the picture {grey[0].name}{more} has one channel, and three are wanted; pictures.grey=true takes it "
            "three times, pictures.channels=1 makes all pictures grey"
        )


def _dataset(
    path: Path,
    listing: Listing,
    pairs: list[tuple[Listed, Checked]],
    wanted: PicturesSpec,
    left_out: tuple[str, ...],
) -> PictureDataset:
    number = {key: label for label, key in enumerate(listing.keys)}
    splits = [split for split in ("train", "test") if split == "test" or any(f.split == split for f in listing.files)]
    of = {split: [(file, each) for file, each in pairs if file.split == split] for split in splits}
    empty = next((split for split in splits if not of[split]), None)
    if empty is not None:
        raise InputError(f"no picture is left of the split {empty} of {path}")
    if not 2 <= len(number) <= _LARGEST_LABEL + 1:
        raise InputError(f"{path} has {len(number)} class(es); 2 to {_LARGEST_LABEL + 1} are wanted")
    labels = {split: np.array([number[file.key] for file, _ in of[split]], np.int64) for split in splits}
    cut = wanted.model_copy(update={"crop": wanted.crop or 1.0, "interpolation": wanted.interpolation or "bicubic"})
    content = {split: [[file.name, each.sha256, number[file.key]] for file, each in of[split]] for split in splits}
    return PictureDataset(
        name=path.name,
        class_names=listing.names,
        sha256=identity(
            classes=len(number), pictures=cut.model_dump(mode="json", exclude={"grey", "skip_damaged"}), **content
        ),
        classes_of=labels,
        files={split: tuple((file.path, each.sha256) for file, each in of[split]) for split in splits},
        wanted=cut,
        class_keys=tuple(listing.keys),
        left_out=left_out,
    )
