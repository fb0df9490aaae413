"""YAML 1.2 as its core schema has it: PyYAML reads YAML 1.1, in which 010 is 8, 1:30 is 90 and ``no`` is false."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

_SCALARS = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),  # of YAML 1.1 alone, but what every reader takes
)
"""What plain text is besides text (section 10.3.2 of the standard), and with what it can begin; \\0: it is empty."""

_PREFIX = "tag:yaml.org,2002:"
_OF_SCALARS = {kind: re.compile(pattern) for kind, pattern, _ in _SCALARS}
_TAGS = (*(f"!!{kind}" for kind in _OF_SCALARS if kind != "merge"), "!!str", "!!seq", "!!map")
"""What the core schema knows by name; PyYAML knows more, some in no order, and reads text under a tag as YAML 1.1."""

_MOST = 1_000_000
"""Values in a file of YAML, aliases written out."""


class _CoreLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the core schema's kinds of plain text, and without keys that stand twice."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as PyYAML has it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping; raise an error of PyYAML with the place where a key stands twice."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # what is no text cannot be a field: whoever reads the mapping says so
            if key.value in lines:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice, first in line {lines[key.value]}", key.start_mark
                )
            lines[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep=deep)

    def construct_core_int(self, node: yaml.ScalarNode) -> int:
        """Return an integer: decimal whatever zeros it begins with, octal behind 0o, hexadecimal behind 0x."""
        text = self.construct_scalar(node)
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


for _kind, _pattern, _first in _SCALARS:
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}",
        re.compile(rf"(?:{_pattern})\Z"),
        ["" if each == "\0" else each for each in _first],
    )
_CoreLoader.add_constructor("tag:yaml.org,2002:int", _CoreLoader.construct_core_int)


class _Dumper(yaml.SafeDumper):
    """PyYAML's, which quotes what YAML 1.1 would take for something else than text; here what YAML 1.2 would, too."""


for _kind, _pattern, _first in _SCALARS:
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}",
        re.compile(rf"(?:{_pattern})\Z"),
        ["" if each == "\0" else each for each in _first],
    )


def write_yaml(content: Any) -> str:
    """Return ``content``, of JSON's kinds, as YAML that any reader takes for the same."""
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
    )
    return text


def read_yaml(text: str) -> Any:
    """Return what ``text`` says in YAML 1.2; raise ``ValueError``, with the line, where it is none."""
    try:
        loader = _CoreLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _size(node, {})
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        place = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        context = "" if error.context is None else f" {error.context}"
        raise ValueError(" ".join(f"{place}{error.problem}{context}".split())) from None
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for, aliases written out; raise ``ValueError`` where that is no study.

    A few lines of aliases of aliases stand for more than any memory holds, as soon as somebody writes them out.
    """
    if id(node) in known:
        if known[id(node)] == 0:
            raise ValueError(f"line {node.start_mark.line + 1}: a value that is a part of itself")
        return known[id(node)]
    known[id(node)] = 0  # under way
    _check_tag(node)
    inside = [] if isinstance(node, yaml.ScalarNode) else node.value
    parts = (part for each in inside for part in (each if isinstance(each, tuple) else (each,)))
    size = 1 + sum(_size(part, known) for part in parts)
    if size > _MOST:
        raise ValueError(f"line {node.start_mark.line + 1}: aliases that stand for more than {_MOST} values")
    known[id(node)] = size
    return size


def _check_tag(node: yaml.Node) -> None:
    """Raise ``ValueError`` where a node has a tag that the core schema does not know, or that is not what it is."""
    kind, line = node.tag.removeprefix(_PREFIX), node.start_mark.line + 1
    tag = f"!!{kind}" if node.tag.startswith(_PREFIX) else node.tag
    if tag not in (*_TAGS, "!!merge"):
        raise ValueError(f"line {line}: the tag {tag} is none of YAML 1.2's own: {', '.join(_TAGS)}")
    if isinstance(node, yaml.ScalarNode):
        fits = kind == "str" or (kind in _OF_SCALARS and _OF_SCALARS[kind].fullmatch(node.value))
    else:
        fits = kind == ("seq" if isinstance(node, yaml.SequenceNode) else "map")
    if not fits:
        raise ValueError(f"line {line}: a value is not of the kind that its tag says, {tag}")
