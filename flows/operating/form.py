"""The form of a run: a study by its name with changes in lines, where and how it runs, and last a study in full.

No ``from __future__ import annotations`` in modules whose types are those of a flow's parameters: Prefect could not
resolve them.
"""

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from blindspots.errors import InputError
from blindspots.study.built_in import BUILT_IN, QUICK
from blindspots.study.file import load_study, with_changes
from blindspots.study.part import is_address, slug
from blindspots.study.study import Study
from flows.operating import CHECKED

_FILES = (".yaml", ".yml")
_STUDIES = ", ".join(BUILT_IN)
DEFAULT_STUDY, DEFAULT_ROOT = QUICK.name, "blindspots-study"


def said(title: str, description: str, **marks: bool) -> Any:
    """Return what a form says of a field, to stand in its type.

    Prefect takes no title from there and no description; but what is extra in a schema goes over what it makes itself.
    """
    return Field(json_schema_extra={"title": title, "description": description, **marks})


StudyName = Annotated[
    Annotated[str, Field(pattern=rf"^({'|'.join(BUILT_IN)}|.+\.ya?ml)$")] | None,
    said("Study", f"A built-in study ({_STUDIES}), or the path of a YAML file where the run works"),
]
Changes = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[^=\s]+=")], ...],
    said(
        "Changes",
        "Fields of the study to change, a line each: training.iterations=500, sets.examples=200, "
        "models.fc10-1e-4.decay=2e-4",
    ),
]
Root = Annotated[
    str,
    Field(min_length=1),
    said(
        "Root",
        "Where the store lies: a folder that all workers see, from / on, or an address. What it has is kept",
        **{CHECKED: True},
    ),
]
Workers = Annotated[
    Annotated[int, Field(ge=1, le=4096)] | None,
    said("Workers", "How many Ray actors work; None for one a core of the machine"),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], said("Device", "What they compute on; auto takes cuda where there is one")
]
DataFolder = Annotated[
    str | None, said("Data", "Folder with the data set's files where the run works; None for the usual places")
]
InFull = Annotated[
    Study | None, said("Study in full", "All fields of a study, in the place of its name: choose None for Study then")
]


def wanted_study(study: str | None, changes: tuple[str, ...], unrolled: Study | None) -> Study:
    """Return the study that a form asks for.

    Raises :class:`InputError` where it names one and spells out another, or does neither, or what it says is no study.
    """
    check_one(study, unrolled)
    if unrolled is None:
        assert study is not None
        return load_study(study, list(changes))
    return with_changes(unrolled.model_dump(mode="json"), changes) if changes else unrolled


def check_one(study: str | None, unrolled: Any) -> None:
    """Raise :class:`InputError` unless a form has one of a study's name, or path, and a study in full."""
    there = f"there are {_STUDIES}, and studies of your own by the paths of their .yaml files"
    if study and unrolled is not None:
        raise InputError(f"the study is named, {study}, and spelt out as well; choose None for one of the two")
    if not study and unrolled is None:
        raise InputError(f"no study is named; {there}")
    if study and study not in BUILT_IN and not study.endswith(_FILES):
        raise InputError(f"no study is called {study!r}; {there}")


def check_root(root: str) -> None:
    """Raise :class:`InputError` for the root of a deployed run that is a path within whatever folder the run works in.

    Prefect's workers give each run a folder of its own, which goes when the run ends, and all in it.
    """
    if not (is_address(root) or root.startswith("~") or Path(root).is_absolute()):
        raise InputError(
            f"the root {root!r} would lie in the folder of this run, which is gone after it; name a folder from / on, "
            "or an address such as s3://bucket/prefix"
        )


def study_called(study: str | None, unrolled: Study | None) -> str:
    """Return what a run's study is called, without reading its file."""
    if unrolled is not None:
        return unrolled.name
    return study if study in BUILT_IN else Path(study or "").stem


def root_called(root: str) -> str:
    """Return what tells a root from all others, and people which it is: its last folder and digits of where it lies."""
    digits = sha256(root.encode(errors="surrogateescape")).hexdigest()[:6]
    return f"{slug(root.rstrip('/').rpartition('/')[2])}-{digits}"
