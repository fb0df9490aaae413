"""What a visitor looks at: one set, which of its images, in which order. All of it stands in the page's address."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from blindspots.errors import InputError
from blindspots.names import CLEAN, NO_RULE, noise_name
from blindspots.results.queries.choice import SetName
from blindspots.study.study import Study

PICTURES = 24
"""Images on a page."""
DISTORTION, FOOLED, PLACE = "distortion", "fooled", "place"
ORDERS = {DISTORTION: "distortion", FOOLED: "how many models it fools", PLACE: "place in the data set"}
"""What images are sorted by; those that are the same in it stay in the order of the set."""
MOVED, MISREAD, FAILED, EVERY = "moved", "misread", "failed", "all"
KINDS = {
    MOVED: "read correctly, then moved",
    MISREAD: "misread from the start",
    FAILED: "no distortion found",
    EVERY: "all images",
}
"""What a search may have made of an image, and all together; in sets without a search all are the first."""


@dataclass(frozen=True)
class View:
    """What is looked at."""

    set: SetName
    classes: tuple[int, ...] = ()
    """Numbers of classes; all where there are none."""
    fooled: tuple[str, ...] = ()
    """Models that all misread the images."""
    right: tuple[str, ...] = ()
    """Models that all read the images as their label."""
    kind: str = MOVED
    by: str = DISTORTION
    descending: bool = False
    page: int = 1

    def address(self, path: str = "/", **more: Any) -> str:
        """Return where this is seen; ``more``: what the address says beside the view."""
        pairs: list[tuple[str, Any]] = [("set", set_text(self.set))]
        for name, values in (("class", self.classes), ("fooled", self.fooled), ("right", self.right)):
            pairs += [(name, value) for value in values]
        said = {"kind": self.kind, "by": self.by, "first": "largest" if self.descending else "smallest"}
        usual = {"kind": MOVED, "by": DISTORTION, "first": "smallest"}
        pairs += [(name, value) for name, value in said.items() if value != usual[name]]
        pairs += [("page", self.page)] if self.page > 1 else []
        return f"{path}?{urlencode([*pairs, *more.items()])}"

    def on_page(self, page: int) -> "View":
        """Return another page of the same."""
        return replace(self, page=page)

    @property
    def chosen(self) -> "View":
        """The view without its page: what decides which images there are, and their order."""
        return replace(self, page=1)


def set_text(name: SetName) -> str:
    """Return a set's name as addresses have it, such as ``fc10/seed-0/train/nearest``."""
    return f"{name.source}/seed-{name.seed}/{name.split}/{name.rule}"


def all_sets(study: Study) -> dict[str, SetName]:
    """Return every set that models of a study read: of models, of noise, and the images as they are."""
    found: list[SetName] = []
    for seed in range(study.seeds):
        for spec in study.models if study.sets.rules else ():
            found += [
                SetName(spec.name, seed, split, rule) for split in study.splits(spec) for rule in study.sets.rules
            ]
        for stddev in study.sets.noise:
            found += [
                SetName(noise_name(stddev, clip), seed, split, NO_RULE)
                for split in study.distorted_splits
                for clip in (False, True)
            ]
        found += [SetName(CLEAN, seed, split, NO_RULE) for split in ("test", "train")]
    return {set_text(name): name for name in found}


def parsed_view(study: Study, pairs: Iterable[tuple[str, str]], *, classes: int) -> View:
    """Return the view that an address says, as pairs of its query; what it does not say is the usual.

    ``classes``: how many there are. Raises :class:`InputError` for what there is not.
    """
    said: dict[str, list[str]] = {}
    for name, value in pairs:
        said.setdefault(name, []).append(value)
    sets = all_sets(study)
    text = said.get("set", [next(iter(sets))])[-1]
    if text not in sets:
        raise InputError(f"the study {study.name} has no set {text!r}; there are {next(iter(sets))} and others")
    return View(
        sets[text],
        classes=tuple(_number(value, "class", range(classes)) for value in _once(said, "class")),
        fooled=tuple(study.model(name).name for name in _once(said, "fooled")),
        right=tuple(study.model(name).name for name in _once(said, "right")),
        kind=_one_of(said, "kind", KINDS, MOVED),
        by=_one_of(said, "by", ORDERS, DISTORTION),
        descending=_one_of(said, "first", {"smallest": "", "largest": ""}, "smallest") == "largest",
        page=_number(said.get("page", ["1"])[-1], "page", range(1, 1 << 31)),
    )


def _once(said: Mapping[str, list[str]], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(said.get(name, [])))


def _one_of(said: Mapping[str, list[str]], name: str, there: Mapping[str, str], usual: str) -> str:
    value = said.get(name, [usual])[-1]
    if value not in there:
        raise InputError(f"{name} = {value!r}: one of {', '.join(there)} is wanted")
    return value


def _number(text: str, what: str, there: range) -> int:
    if text.isascii() and text.isdigit() and len(text) < 12 and int(text) in there:
        return int(text)
    raise InputError(f"{what} = {text!r}: a number from {there[0]} to {there[-1]} is wanted")


def number_in(pairs: Iterable[tuple[str, str]], name: str) -> int:
    """Return a number that an address says beside the view; raise :class:`InputError` where it does not."""
    values = [value for each, value in pairs if each == name]
    return _number(values[-1] if values else "", name, range(1 << 31))
