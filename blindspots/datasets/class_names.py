"""A class by its number or its name."""

from collections.abc import Sequence
from difflib import get_close_matches

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError

_SHOWN = 5
_BY_CLASS = "class-"


def class_label(dataset: Dataset, named: int | str) -> int:
    """Return the label of the class ``named``: its number, as one or as text, or its name, such as "ostrich".

    A text that is just one class's name means that class, also where it is a number: folders called 0, 1, 10 and 2
    are in the order of texts, and the label of "2" is 3. Capitals, and underscores in the place of spaces, make no
    difference. Where a class has several names with commas between them, as ImageNet's have, each of them does. Raises
    :class:`InputError`, with what comes near, for a class that is not there, and for a name that several have.
    """
    text = str(named).strip()
    exact = [label for label, name in enumerate(dataset.class_names) if name == named]
    if len(exact) == 1:
        return exact[0]
    if text.removeprefix("-").isdecimal():
        number = int(text)
        if not 0 <= number < dataset.classes:
            raise InputError(f"{dataset.name} has no class {number}; they go from 0 to {dataset.classes - 1}")
        return number
    found = _called(dataset, text)
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{len(found)} classes of {dataset.name} are called {text!r}: say the number, {_list(found)}")
    raise InputError(f"no class of {dataset.name} is called {text!r}; {_near(dataset, text)}")


def numbered_rules(rules: Sequence[str], dataset: Dataset) -> tuple[str, ...]:
    """Return ``rules`` with the number of every class that one names: "class-ostrich" becomes "class-9".

    Raises :class:`InputError` as :func:`class_label` does, and where two of them are one.
    """
    found: dict[str, str] = {}
    for rule in rules:
        name = rule.removeprefix(_BY_CLASS)
        named = rule.startswith(_BY_CLASS) and not name.isdecimal()
        numbered = f"{_BY_CLASS}{class_label(dataset, name)}" if named else rule
        if numbered in found:
            raise InputError(
                f"sets.rules: {found[numbered]} and {rule} are one rule, {numbered}; leave one of them out"
            )
        found[numbered] = rule
    return tuple(found)


def _called(dataset: Dataset, text: str) -> list[int]:
    """Return the classes of that whole name, or else those that have it among theirs."""
    plain = _plain(text)
    whole = [label for label, name in enumerate(dataset.class_names) if _plain(name) == plain]
    return whole or [label for label, name in enumerate(dataset.class_names) if plain in _names(name)]


def _near(dataset: Dataset, text: str) -> str:
    """Return the classes whose names hold the text, or are written nearly like it."""
    plain = _plain(text)
    held = [label for label, name in enumerate(dataset.class_names) if plain and plain in _plain(name)]
    if not held:
        of = {each: label for label, name in enumerate(dataset.class_names) for each in _names(name)}
        held = [of[each] for each in get_close_matches(plain, of, _SHOWN)]
    if not held:
        return f"there are {dataset.classes}, such as {_list([0, dataset.classes - 1], dataset)}"
    return f"there are {_list(held, dataset)}"


def _list(labels: list[int], dataset: Dataset | None = None) -> str:
    shown = [str(each) if dataset is None else f"{dataset.class_names[each]} ({each})" for each in labels[:_SHOWN]]
    more = len(labels) - _SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _names(name: str) -> list[str]:
    return [_plain(each) for each in name.split(",")]


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
