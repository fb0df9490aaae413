"""What Prefect's server loads when it starts: a study is checked as a whole where a run of it is asked for.

The server holds a run's parameters against the JSON schema of the form, which knows types and patterns, but not what
one field of a study asks of another, nor which fields there are. Where this package is installed beside the server, the
entry point ``prefect.collections`` has it import this module, and from then on the study in a form of ours is what
:func:`~blindspots.study.load_study` takes, or the run is not made: the form says why when it is sent, and the API
answers 409. A server that knows nothing of this package checks by the schema alone, and the run refuses the rest.

Nothing of this package is imported before the first form is to be checked, since every server and worker loads this.
"""

import logging
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jsonschema.exceptions import ValidationError
from prefect.utilities.schema_tools import validation

from flows.operating import CHECKED

if TYPE_CHECKING:
    from blindspots.study.study import Study

logger = logging.getLogger(__name__)

Complaint = tuple[tuple[str | int, ...], str]
"""A field's path in the form, and what is wrong there."""


def complaints(parameters: Mapping[str, Any], *, of_study: bool = True) -> Iterator[Complaint]:
    """Yield what is wrong with the study that a form asks for, and with its root, as far as this machine can see.

    ``of_study``: whether the form asks for one; others have a root alone.
    """
    from blindspots.errors import InputError
    from flows.operating.form import check_one

    if not of_study:
        yield from _of_the_root(parameters.get("root"), None)
        return
    study, unrolled = parameters.get("study"), parameters.get("unrolled")
    try:
        check_one(study, unrolled)
    except InputError as error:
        yield ("study",) if unrolled is None else ("unrolled",), str(error)
        return
    wanted = yield from _of_the_study(study, unrolled, list(parameters.get("changes") or ()))
    yield from _of_the_root(parameters.get("root"), wanted)


def _of_the_study(study: str | None, unrolled: Any, changes: list[str]) -> "Generator[Complaint, None, Study | None]":
    """Yield the first thing that is wrong; changes are taken one after another until they are no study any more.

    Returns the study that is asked for, None where this machine does not see it.
    """
    from pathlib import Path

    from blindspots.errors import InputError
    from blindspots.study.built_in import BUILT_IN
    from blindspots.study.file import load_study, with_changes

    if study and study not in BUILT_IN and not Path(study).is_file():
        return None  # a file that lies where the run works, and not here

    def found(count: int) -> "Study | str":
        try:
            return load_study(study, changes[:count]) if study else with_changes(unrolled, changes[:count])
        except InputError as error:
            return str(error).replace("--set ", "")

    whole = found(len(changes))
    if not isinstance(whole, str):
        return whole
    by, wrong = next((count, said) for count in range(len(changes) + 1) if isinstance(said := found(count), str))
    yield ("changes", by - 1) if by else ("study",) if study else ("unrolled",), wrong
    return None


def _of_the_root(root: str | None, wanted: "Study | None") -> Iterator[Complaint]:
    """Yield why a local folder cannot be the root of a study: no path from ``/`` on, or something else lies there.

    That is no store, or one of another of the data sets that are known by name; of others the run compares the files.
    """
    from blindspots.errors import InputError, OutOfReachError
    from blindspots.store.place import Place
    from blindspots.store.root import stored
    from blindspots.study.study import DATASETS
    from flows.operating.form import check_root

    if root:
        try:
            check_root(root)
        except InputError as error:
            yield ("root",), str(error)
    if root and root.startswith("/"):
        try:
            there = stored(Place.at(root))
        except InputError as error:
            yield ("root",), str(error)
            return
        except (OSError, OutOfReachError):  # a folder that this machine may not read, and the run's may
            return
        if there is None or wanted is None:
            return
        held = there.study.dataset
        if held != wanted.dataset and {held, wanted.dataset} <= set(DATASETS):
            yield (
                ("root",),
                f"the root {root} holds {held}, and the study {wanted.name} is on {wanted.dataset}; name another root",
            )


def _checked_properties(known: Any) -> Any:
    """Return the rule of JSON schema for an object's fields, which looks at our forms as a whole as well."""

    def properties(validator: Any, fields: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        ours: list[ValidationError] = []
        if isinstance(instance, dict) and CHECKED in (fields.get("root") or {}) and _has_types(instance):
            found = _safely(instance, of_study="changes" in fields)
            ours = [ValidationError(message, path=path) for path, message in found]
            ours += [ValidationError("there is no such field", path=[name]) for name in instance if name not in fields]
        paths = {tuple(error.path) for error in ours}
        yield from ours
        yield from (error for error in known(validator, fields, instance, schema) if tuple(error.path) not in paths)

    return properties


def _safely(form: Mapping[str, Any], *, of_study: bool) -> list[Complaint]:
    """Return the complaints; where looking fails, say so in the server's log, and leave the form to the run."""
    try:
        return list(complaints(form, of_study=of_study))
    except Exception:
        logger.exception("a form could not be looked at as a whole")
        return []


def _has_types(form: Mapping[str, Any]) -> bool:
    """Tell whether a form can be looked at: what has another type is refused by the schema itself."""
    changes = form.get("changes") or []
    return (
        isinstance(form.get("study"), str | None)
        and isinstance(form.get("unrolled"), dict | None)
        and isinstance(form.get("root"), str | None)
        and isinstance(changes, list | tuple)
        and all(isinstance(change, str) for change in changes)
    )


validation._VALIDATOR.VALIDATORS["properties"] = _checked_properties(validation._VALIDATOR.VALIDATORS["properties"])
