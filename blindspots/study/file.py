"""A study by its name or out of a file, with changes from the command line; errors on one line."""

from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from blindspots.errors import InputError
from blindspots.study.built_in import BUILT_IN
from blindspots.study.model_spec import ModelSpec
from blindspots.study.study import Study


def load_study(name: str, changes: list[str] | None = None) -> Study:
    """Return the study called ``name``, or read from the YAML file at that path, with ``key=value`` changes applied.

    A key is a dotted path (``training.iterations``); a model is addressed by its name
    (``models.fc10-1e-4.decay=2e-4``). Raises :class:`InputError`, naming the key and the value, when something does
    not fit.
    """
    content = BUILT_IN[name][0].model_dump(mode="json") if name in BUILT_IN else _read_file(name)
    for change in changes or []:
        _apply(content, change)
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
    if path.suffix not in {".yaml", ".yml"} and not path.is_file():
        raise InputError(
            f"no study is called {name!r}; the built-in ones are {', '.join(BUILT_IN)}, "
            "and a study of your own is the path of a YAML file"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the study file {name} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise InputError(f"the study file {name} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"the study file {name} holds {type(content).__name__}, not a mapping of a study's fields")
    content.setdefault("name", path.stem)
    return content


def _apply(content: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise InputError(f"--set {change!r} is not of the form key=value, such as training.iterations=100")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"the value in --set {change!r} is not YAML; quote it") from None
    node: Any = content
    parts = _split_key(key, content)
    for part in parts[:-1]:
        node = _child(node, part, key)
    if isinstance(node, list):
        raise InputError(f"--set {key}: name one of the model's fields, such as {key}.decay")
    _check_known(parts, key)
    node[parts[-1]] = value


def _split_key(key: str, content: dict[str, Any]) -> list[str]:
    """Split a dotted key, keeping a model's name whole even where it has dots."""
    head, _, rest = key.partition(".")
    if head != "models" or not rest:
        return key.split(".")
    names = [spec["name"] for spec in content.get("models") or [] if isinstance(spec, dict) and "name" in spec]
    for name in sorted(names, key=len, reverse=True):
        if rest == name:
            return [head, name]
        if rest.startswith(name + "."):
            return [head, name, *rest[len(name) + 1 :].split(".")]
    raise InputError(f"--set {key}: no model has that name; there are: {', '.join(names)}")


def _child(node: Any, part: str, key: str) -> Any:
    if isinstance(node, list):
        return next(item for item in node if item.get("name") == part)
    child = node.setdefault(part, {}) if isinstance(node, dict) else None
    if not isinstance(child, dict | list):
        raise InputError(f"--set {key}: {part} has no fields of its own")
    return child


def _check_known(parts: list[str], key: str) -> None:
    """Raise :class:`InputError` where the path leads to no field."""
    owner: type[BaseModel] | None = Study
    place = "the study"
    steps = [parts[0], *parts[2:]] if parts[0] == "models" else parts
    for index, step in enumerate(steps):
        if owner is None or step not in owner.model_fields:
            fields = list(owner.model_fields) if owner is not None else ["none of its own"]
            raise InputError(f"--set {key}: no such field; the fields of {place} are {', '.join(fields)}")
        owner = ModelSpec if steps[: index + 1] == ["models"] else _part(owner.model_fields[step].annotation)
        place = ".".join(steps[: index + 1])


def _part(kind: Any) -> type[BaseModel] | None:
    """Return the model that a field holds, at times or always, or None for one that holds a plain value."""
    kinds = (kind, *get_args(kind))
    return next((each for each in kinds if isinstance(each, type) and issubclass(each, BaseModel)), None)


def _one_line(detail: Any, content: Any) -> str:
    """Say one of pydantic's complaints as ``path = value: what would be right``."""
    node, path = content, []
    for step in detail["loc"]:
        if isinstance(node, dict | list | tuple) and not (isinstance(node, dict) and step not in node):
            node = node[step]
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
        return f"{where} = {detail['input']!r}: there are {rules}"
    if detail["type"] == "value_error":
        return f"{where}: {message}"
    return f"{where} = {detail['input']!r}: {message}"
