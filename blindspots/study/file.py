"""A study by its name or out of a file, with changes from the command line; errors on one line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from blindspots.errors import InputError
from blindspots.study.built_in import BUILT_IN
from blindspots.study.core_yaml import read_yaml, write_yaml
from blindspots.study.part import is_slug, slug
from blindspots.study.study import Study

_LONGEST = 120  # letters of a value in an error


def load_study(name: str, changes: list[str] | None = None) -> Study:
    """Return the study called ``name``, or read from the YAML file at that path, with ``key=value`` changes applied.

    A key is a dotted path (``training.iterations``); a model is addressed by its name
    (``models.fc10-1e-4.decay=2e-4``). Raises :class:`InputError`, naming the key and the value, when something does
    not fit.
    """
    if not isinstance(name, str | Path):
        raise InputError(
            f"a study is asked for by its name or the path of a YAML file, not by {_shown(name)}; the built-in ones "
            f"are {', '.join(BUILT_IN)}"
        )
    if not isinstance(changes, list | tuple | None) or not all(isinstance(each, str) for each in changes or []):
        raise InputError(f'changes = {_shown(changes)}: a list of texts is wanted, such as ["training.iterations=100"]')
    name = str(name)
    content = BUILT_IN[name][0].model_dump(mode="json") if name in BUILT_IN else _read_file(name)
    return with_changes(content, changes or [])


def as_yaml(study: Study) -> str:
    """Return ``study`` as a file that :func:`load_study` reads back as the same: the fields that are not the default.

    Paths below the current folder are written from there.
    """
    return write_yaml(_from_here(study.model_dump(mode="json", exclude_defaults=True), f"{Path.cwd()}/"))


def _from_here(content: Any, folder: str) -> Any:
    if isinstance(content, dict):
        return {key: _from_here(value, folder) for key, value in content.items()}
    if isinstance(content, list):
        return [_from_here(value, folder) for value in content]
    return f"./{content.removeprefix(folder)}" if isinstance(content, str) and content.startswith(folder) else content


def with_changes(content: dict[str, Any], changes: Iterable[str]) -> Study:
    """Return a study's content, as YAML or JSON has it, as a study with ``key=value`` changes applied.

    Raises :class:`InputError` as :func:`load_study` does.
    """
    for change in changes:
        content = _changed(content, change)
    return validate_study(content)


def validate_study(content: Any) -> Study:
    """Return ``content``, a nested mapping, as a :class:`Study`; raise a one-line :class:`InputError` if it is none."""
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        details = error.errors()
        # a list with a bad item is called too short as well
        lists = {detail["loc"][:end] for detail in details for end in range(len(detail["loc"]))}
        said = [detail for detail in details if not (detail["type"] == "too_short" and detail["loc"] in lists)]
        raise InputError("; ".join(_one_line(detail, content) for detail in said)) from None


def _read_file(name: str) -> dict[str, Any]:
    path = Path(name)
    try:
        if path.suffix not in {".yaml", ".yml"} and not path.is_file():
            raise InputError(
                f"no study is called {name!r}; the built-in ones are {', '.join(BUILT_IN)}, "
                "and a study of your own is the path of a YAML file"
            )
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the study file {name} cannot be read: {error}") from None
    try:
        content = read_yaml(text)
    except ValueError as error:
        raise InputError(f"the study file {name} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"the study file {name} holds {type(content).__name__}, not a mapping of a study's fields")
    content.setdefault("name", path.stem if is_slug(path.stem) else slug(path.stem))
    return content


def _changed(content: dict[str, Any], change: str) -> dict[str, Any]:
    """Return ``content`` with one change, ``key=value``; what it was is left alone, and so is what anchors share."""
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise InputError(f"--set {_shown(change)} is not of the form key=value, such as training.iterations=100")
    try:
        value = read_yaml(text)
    except ValueError:
        raise InputError(f"the value in --set {_shown(change)} is not YAML; quote it") from None
    return _with_field(content, Study, key, value, key=key, place="")


def _with_field(
    node: dict[Any, Any], owner: type[BaseModel], rest: str, value: Any, *, key: str, place: str
) -> dict[Any, Any]:
    """Return ``node``, an ``owner`` that is yet to be validated, with the field at the path ``rest`` set."""
    step, dot, rest = rest.partition(".")
    if step not in owner.model_fields:
        fields = ", ".join(owner.model_fields)
        raise InputError(f"--set {key}: no such field; the fields of {place or 'the study'} are {fields}")
    if not dot:
        return {**node, step: value}
    place = f"{place}.{step}" if place else step
    part, many = _part(owner.model_fields[step].annotation)
    if part is None:
        raise InputError(f"--set {key}: {place} has no fields of its own")
    child = node.get(step)
    if many:
        return {**node, step: _with_item(child, part, rest, value, key=key, place=place)}
    if child is None:
        child = {}
    if not isinstance(child, dict):
        raise InputError(f"--set {key}: {place} is {_shown(child)} and has no fields to set")
    return {**node, step: _with_field(child, part, rest, value, key=key, place=place)}


def _with_item(items: Any, part: type[BaseModel], rest: str, value: Any, *, key: str, place: str) -> list[Any]:
    """Return a list of parts with a field of the one that ``rest`` begins with the name of, dots and all."""
    items = [] if items is None else items
    if not isinstance(items, list):
        raise InputError(f"--set {key}: {place} is {_shown(items)}, where a list is wanted")
    named = {str(each["name"]): at for at, each in enumerate(items) if isinstance(each, dict) and "name" in each}
    name = max((each for each in named if f"{rest}.".startswith(f"{each}.")), key=len, default=None)
    if name is None:
        there = ", ".join(named) or "none"
        raise InputError(f"--set {key}: no {place.removesuffix('s')} has that name; there are: {there}")
    if rest == name:
        example = next(field for field in ("decay", *part.model_fields) if field in part.model_fields)
        raise InputError(f"--set {key}: name one of the {place.removesuffix('s')}'s fields, such as {key}.{example}")
    changed = _with_field(items[named[name]], part, rest[len(name) + 1 :], value, key=key, place=place)
    return [*items[: named[name]], changed, *items[named[name] + 1 :]]


def _part(kind: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the part that a field holds, at times or always, or None; and whether it holds several."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind, False
    found = next((part for part, _ in map(_part, get_args(kind)) if part is not None), None)
    return found, get_origin(kind) is tuple


def _one_line(detail: Any, content: Any) -> str:
    """Say one of pydantic's complaints as ``path = value: what would be right``."""
    node, path, last = content, [], len(detail["loc"]) - 1
    for index, step in enumerate(detail["loc"]):
        there = step in node if isinstance(node, dict) else isinstance(node, list | tuple) and step in range(len(node))
        if there:
            node = node[step]
        elif isinstance(step, str) and (index < last or detail["type"] != "missing"):
            continue  # pydantic's name for one of several kinds of value
        named = isinstance(node, dict) and isinstance(step, int) and node.get("name")
        path.append(str(named or step))
    where = ".".join(path) or "study"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"{where}: no such field"
    if detail["type"] == "missing":
        return f"{where}: this field is required"
    if detail["type"] == "string_pattern_mismatch" and "rules" in detail["loc"]:
        rules = "nearest, second, random, and class-0, class-1, ... or class-<name>"
        return f"{where} = {_shown(detail['input'])}: there are {rules}"
    if detail["type"] == "value_error":
        return f"{where}: {message}"
    return f"{where} = {_shown(detail['input'])}: {message}"


def _shown(value: Any) -> str:
    """Return how a value is written, cut off where it is long."""
    try:
        text = repr(value)
    except ValueError:  # of Python, which writes no number of more than 4300 digits
        return "a number of very many digits"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
