"""The two pages, as HTML: a set's images with who is fooled by whom, and one image."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from blindspots.errors import InputError
from blindspots.explorer.columns import SetColumns, set_columns
from blindspots.explorer.matrix import Counts, matrix, transfer_counts
from blindspots.explorer.pictures import difference_png, image_png, largest
from blindspots.explorer.readings import Logits, readings
from blindspots.explorer.view import KINDS, ORDERS, PICTURES, View, all_sets, number_in, parsed_view, set_text
from blindspots.names import NO_RULE
from blindspots.results.queries.choice import SetName, class_names
from blindspots.results.results import Results

Pairs = Sequence[tuple[str, str]]
"""The query of an address."""
_FEW = 20
"""So many classes are boxes to tick; more are a list to choose from."""
_KEPT_SETS, _KEPT_ORDERS = 2, 6
_PICTURES = ("original", "difference", "distorted")


class Explorer:
    """The pages of a study, and what of its columns is kept in memory between them; for one thread at a time."""

    def __init__(self, results: Results) -> None:
        """Raises :class:`InputError` where the study has no adversarial sets, or the store lacks the first."""
        self.results, self.study = results, results.study
        if not self.study.sets.rules:
            raise InputError(
                f"the study {self.study.name} has no adversarial sets to explore: ask for some with "
                "--set sets.rules=[nearest]"
            )
        results.column(next(iter(all_sets(self.study).values())).group, "label")
        self.columns = lru_cache(maxsize=_KEPT_SETS)(self._columns)
        self._rows = lru_cache(maxsize=_KEPT_ORDERS)(lambda view: self.columns(view.set).rows(view))
        self._templates = Environment(
            loader=PackageLoader("blindspots.explorer"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def _columns(self, name: SetName) -> SetColumns:
        return set_columns(self.results, name)

    def style(self) -> str:
        """Return the pages' style sheet."""
        return self._render("style.css")

    def refusal(self, said: str) -> str:
        """Return a page that says why there is no other."""
        return self._render("refusal.html.j2", said=said)

    def view(self, pairs: Pairs) -> View:
        """Return what an address asks for; raise :class:`InputError` for what there is not."""
        return parsed_view(self.study, pairs, classes=len(self._names))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return class_names(self.results)

    @cached_property
    def _counts(self) -> Counts:
        return transfer_counts(self.results)

    def set_page(self, pairs: Pairs) -> str:
        """Return the page of a set: a page of its images as they are chosen and sorted."""
        view = self.view(pairs)
        columns, rows = self.columns(view.set), self._rows(view.chosen)
        pages = max(-(-len(rows) // PICTURES), 1)
        if view.page > pages:
            view = view.on_page(pages)
        here = rows[(view.page - 1) * PICTURES : view.page * PICTURES]
        return self._render(
            "set.html.j2",
            view=view,
            here=set_text(view.set),
            sets=[(text, set_label(name)) for text, name in all_sets(self.study).items()],
            kinds=KINDS,
            orders=ORDERS,
            classes=self._labels,
            few=len(self._names) <= _FEW,
            models=[spec.name for spec in self.study.models],
            images=[self._tile(view, columns, int(row)) for row in here],
            found=len(rows),
            of=len(columns),
            pages=pages,
            lacking=columns.lacking,
            matrix=matrix(self.study, self._counts, view),
        )

    @cached_property
    def _labels(self) -> list[str]:
        return [name if name == str(number) else f"{number} {name}" for number, name in enumerate(self._names)]

    def _tile(self, view: View, columns: SetColumns, row: int) -> dict[str, Any]:
        """Return what the list says of an image."""
        own = columns.reads.get(view.set.source)
        return {
            "picture": picture_address(view.set, "distorted", row),
            "address": view.address("/image", example=int(columns.example[row])),
            "example": int(columns.example[row]),
            "label": self._labels[columns.label[row]],
            "read": self._labels[own[row]] if own is not None and own[row] >= 0 else "",
            "distortion": _size(columns.distortion[row]),
            "fooled": f"fools {columns.fooled[row]} of {len(columns.reads)}" if columns.reads else "",
        }

    def image_page(self, pairs: Pairs) -> str:
        """Return the page of one image of a set, with the way to the ones before and after it in the list."""
        view, example = self.view(pairs), number_in(pairs, "example")
        columns = self.columns(view.set)
        row = columns.row_of(example)
        original, perturbation = self._pixels(columns, row)
        label = int(columns.label[row])
        read = readings(self.results, columns, row, original, original + perturbation)
        rows = self._rows(view.chosen)
        places = np.flatnonzero(rows == row)
        place = int(places[0]) if len(places) else None
        if place is not None:
            view = view.on_page(place // PICTURES + 1)
        near = {"before": None if place is None else place - 1, "after": None if place is None else place + 1}
        return self._render(
            "image.html.j2",
            view=view,
            set=set_label(view.set),
            example=example,
            label=self._labels[label],
            distortion=_size(columns.distortion[row]),
            bound=self._bound(view.set, row),
            pictures=[(what, picture_address(view.set, what, row)) for what in _PICTURES],
            scale=f"{largest(perturbation):.3g}",
            cut=bool(((original + perturbation) < 0).any() or ((original + perturbation) > 1).any()),
            readings=[
                {
                    "model": each.model,
                    "fooled": each.fooled(label),
                    "stored": "" if each.stored is None else self._labels[each.stored],
                    "original": self._said(each.original),
                    "distorted": self._said(each.distorted),
                    "differs": each.differs,
                }
                for each in read
            ],
            why_not=next((each.why_not for each in read if each.why_not), ""),
            elsewhere=self._elsewhere(view, example, row),
            place=None if place is None else f"{place + 1:,} of {len(rows):,}",
            **{
                name: view.address("/image", example=int(columns.example[rows[at]]))
                if at is not None and 0 <= at < len(rows)
                else ""
                for name, at in near.items()
            },
        )

    def _said(self, logits: Logits) -> list[str]:
        return [f"{self._labels[number]}: {value:.2f}" for number, value in logits]

    def _bound(self, name: SetName, row: int) -> str:
        """Return what is proved of an image's least distortion; empty where nothing is."""
        if name.rule == NO_RULE:
            return ""
        known = [float(self.results.column(name.group, each)[row].values) for each in ("lower_bound", "exact")]
        proved = max((value for value in known if np.isfinite(value)), default=0.0)
        return _size(proved) if proved > 0 else ""

    def _elsewhere(self, view: View, example: int, row: int) -> list[tuple[str, str, str]]:
        """Return the sets of the same rule that hold the image in the same row: name, distortion, address.

        Sets of one split have one order, and a smaller one is the beginning of a larger.
        """
        found = []
        for name in all_sets(self.study).values():
            if name == view.set or (name.seed, name.split, name.rule) != (view.set.seed, view.set.split, view.set.rule):
                continue
            if not name.group:
                continue
            try:
                column = self.results.column(name.group, "example")
                if row >= len(column) or int(column[row].values) != example:
                    continue
                size = float(self.results.column(name.group, "distortion")[row].values)
            except InputError:  # it is not made yet
                continue
            found.append((name.source, _size(size), replace(view, set=name).chosen.address("/image", example=example)))
        return found

    def picture(self, kind: str, pairs: Pairs) -> bytes:
        """Return a picture of an image of a set as PNG: ``original``, ``difference`` or ``distorted``."""
        if kind not in _PICTURES:
            raise InputError(f"there is no picture {kind!r}; there are {', '.join(_PICTURES)}")
        view, row = self.view(pairs), number_in(pairs, "row")
        columns = self.columns(view.set)
        if row >= len(columns):
            raise InputError(f"row = {row}: the set has {len(columns)} images")
        original, perturbation = self._pixels(columns, row)
        if kind == "difference":
            return difference_png(perturbation)
        return image_png(original + perturbation if kind == "distorted" else original)

    def _pixels(self, columns: SetColumns, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Return an image (channels, height, width) float32, and what is added to it; that is all that is read."""
        name = columns.name
        original = self.results.dataset.images(name.split, [int(columns.example[row])])[0].numpy()
        if not name.group:
            return original, np.zeros_like(original)
        return original, self.results.column(name.group, "perturbation")[row].values

    def _render(self, template: str, **said: Any) -> str:
        return self._templates.get_template(template).render(study=self.study.name, **said)


def picture_address(name: SetName, kind: str, row: int) -> str:
    """Return where a picture is."""
    return View(name).address(f"/picture/{kind}.png", row=row)


def set_label(name: SetName) -> str:
    """Return a set's name for people."""
    seed = f", seed {name.seed}" if name.seed else ""
    rule = "" if name.rule == NO_RULE else f", {name.rule}"
    return f"{name.source}: {name.split}{rule}{seed}"


def _size(distortion: float) -> str:
    """Return a distortion in four digits: those near a boundary are not 0."""
    return f"{distortion:.4g}"
