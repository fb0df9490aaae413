"""What folders of splits are called, and which of a data set's folders are its splits."""

import re
from collections.abc import Collection
from pathlib import Path

from blindspots.errors import InputError

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "val", "valid", "validation"), "test"),
}
"""The words for splits, in capitals too, and the split that each is."""
_WORD = "|".join(SPLITS)
_BEHIND = "set|dataset|data|dir|folder|split|images|pictures"
_NAME = re.compile(rf"(?:(?P<before>.*)[-_ ])?(?P<word>{_WORD})(?:[-_ ]?(?:{_BEHIND}))?", re.IGNORECASE)
"""A split's word, with a data set's name before it and a word such as "set" behind it, or without."""
_HOLDS = re.compile(rf"(?<![a-z])(?P<word>{_WORD})(?:{_BEHIND})?(?![a-z]{{2}})", re.IGNORECASE)
"""A split's word anywhere in a name, such as in "train2017" and "trainA"."""


def split_folders(path: Path, folders: Collection[str]) -> dict[str, str]:
    """Return which of the ``folders`` in ``path`` are splits, and of each whether it is train or test.

    Those that are called by a split's word alone are, and with them those with a word behind it (``test_set``). Else
    there must be one for each split, of one name but for that (``seg_train`` and ``seg_test``), or nothing else: a
    class, too, may be called ``bullet_train``. None where all of it is one split.

    Raises :class:`InputError` where every folder has a split's word in its name, of both splits, and no pair is found.
    """
    named = {name: match for name in sorted(folders) if (match := _NAME.fullmatch(name))}
    before: dict[str, dict[str, str]] = {}
    for name, match in named.items():
        before.setdefault((match["before"] or "").lower(), {})[name] = SPLITS[match["word"].lower()]
    if any(name.lower() in SPLITS for name in folders):
        return before[""]
    whole = [found for found in before.values() if len(set(found.values())) == 2 or len(found) == len(folders)]
    if len(whole) == 1:
        return whole[0]
    words = [_HOLDS.search(name) for name in folders]
    if folders and all(words) and len({SPLITS[word["word"].lower()] for word in words if word}) == 2:
        raise InputError(
            f"{path} has the folders {' and '.join(sorted(folders)[:3])}, which are named as splits: call those train "
            "and test, each with a folder a class"
        )
    return {}


def looked_through(folder: Path, inside: Collection[Path]) -> Path | None:
    """Return the folder that is all of a split's ``folder`` and has its name again, as archives are often unpacked."""
    only = next(iter(inside)) if len(inside) == 1 else None
    return only if only is not None and only.is_dir() and only.name.lower() == folder.name.lower() else None
