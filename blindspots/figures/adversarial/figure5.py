"""Figure 5: every picture becomes one class; the original, what was added to it, and the result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures.palette import verbatim
from blindspots.figures.pixels import shown_pixels
from blindspots.figures.plate import Plate
from blindspots.paper.published import FIGURE_5
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.study import Study
from blindspots.tables.cells import Transfer
from blindspots.tables.distortions import set_split

MAGNIFIED, GREY = 10, 128 / 255
"""The difference is shown so many times as strong, around this grey, as in the paper's figure."""

_ACROSS, _SHOWN = 4, 16
_GAP, _BETWEEN = 0.02, 0.12  # of an image's width: within a triple, and between two
_BELOW = 0.2  # of its height: under a row
_CHARACTERS = 24


@dataclass(frozen=True)
class Driven:
    """The images of a set that its model reads correctly, in the study's seeded order, and what became of them."""

    model: str
    called: str
    """The model in words: the paper's name, or ours."""
    split: str
    rule: str
    goal: str
    """Name of the class."""
    rows: np.ndarray
    """Their places in the set, 64 at most."""
    driven: np.ndarray
    """(n,) whether each is read as the class."""
    distortion: float
    """Mean over those that are; NaN where none is."""
    survives: int
    """Of them, how many are still read so when they are rounded to 8 bits a value."""
    others: tuple[str, ...]
    """What each other model of the study reads in the whole set, in words."""

    @property
    def said(self) -> str:
        """The numbers in words, beside the paper's."""
        paper, count = FIGURE_5
        size = (
            f"with an average distortion of {self.distortion:.6f}"
            if self.driven.any()
            else "so that there is no average distortion"
        )
        return " ".join(
            [
                f"{self.driven.sum()} of {len(self.rows)} pictures that {self.called} reads correctly are driven to "
                f"{self.goal}, {size} (the paper's, of {count}: {paper});",
                f"{self.survives} of them are still read so when rounded to 8 bits a value.",
                *self.others,
            ]
        )


def figure5(results: Results, *, model: str | None = None, rule: str | None = None) -> Figure:
    """Return triples of original, magnified difference and result, of the first pictures that the model reads.

    ``model``: by default the study's first; ``rule``: the study's first that drives all images to one class. Raises
    :class:`InputError` where the study has no such rule, or the store lacks its set.
    """
    found = driven_by(results, model, rule)
    return _drawn(results, found)


def figure5_plates(results: Results) -> Iterator[Plate]:
    """Yield a figure for every model and every class that the study drives images to."""
    for spec in results.study.models:
        for rule in class_rules(results.study):
            found = driven_by(results, spec.name, rule)
            yield Plate(
                _drawn(results, found),
                alt="Triples of a picture, a faint pattern on grey, and the picture with the pattern added, which "
                f"looks the same and is read as {found.goal}.",
                caption=f"Figure 5 for {found.called}: the picture, {MAGNIFIED} times the difference around mid-grey, "
                f"and the result. The first {min(_SHOWN, len(found.rows))} of the study's seeded order are shown. "
                f"{found.said}",
            )


def class_rules(study: Study) -> list[str]:
    """Return the study's rules that drive all images to one class."""
    return [rule for rule in study.sets.rules if rule.startswith("class-")]


def driven_by(results: Results, model: str | None = None, rule: str | None = None) -> Driven:
    """Return what became of the first 64 images that a model reads correctly, and that are not of the class itself.

    Arguments and errors are those of :func:`figure5`.
    """
    study = results.study
    rules = [rule] if rule is not None else class_rules(study)
    if not rules:
        raise InputError("the study drives images to no class: add a rule such as class-9 to sets.rules")
    spec = study.model(model or study.models[0].name)
    split = set_split(study, spec)
    found = results.group(layout.adversarial_set(spec.name, 0, split, rules[0]))
    label, target = found["label"].values, found["target"].values
    rows = np.flatnonzero((found["clean_predicted"].values == label) & (label != target))[: FIGURE_5[1]]
    if not len(rows):
        raise InputError(f"{spec.name} reads none of the images correctly that are driven to {rules[0]}")
    driven = found["success"].values[rows]
    goal = results.dataset.class_names[int(target[rows[0]])]
    others = (other.name for other in study.models if other.name != spec.name)
    return Driven(
        model=spec.name,
        called=spec.paper or spec.name,
        split=split,
        rule=rules[0],
        goal=goal,
        rows=rows,
        driven=driven,
        distortion=float(found["distortion"].values[rows][driven].mean()) if driven.any() else float("nan"),
        survives=int((driven & found["survives_eight_bits"].values[rows]).sum()),
        others=tuple(_read_by(results, spec.name, other, split=split, rule=rules[0], goal=goal) for other in others),
    )


def _read_by(results: Results, source: str, other: str, *, split: str, rule: str, goal: str) -> str:
    cell = Transfer(results).cell(source, other, split=split, rule=rule)
    name = results.study.model(other).paper or other
    return (
        f"{name} misreads {cell.misread.count:.0f} of all {cell.misread.n} of the set, {cell.clean.count:.0f} of which "
        f"it misreads without the difference, and reads {cell.as_target.count:.0f} as {goal}."
    )


def _drawn(results: Results, found: Driven) -> Figure:
    rows = found.rows[:_SHOWN]
    shown = results.group(layout.adversarial_set(found.model, 0, found.split, found.rule)).isel(example=rows)
    images = results.dataset.images(found.split, shown["example"].values).numpy()
    change = shown["perturbation"].values
    names = results.dataset.class_names
    captions = [
        (names[int(label)], names[int(read)]) for label, read in zip(shown["label"], shown["predicted"], strict=True)
    ]
    across = min(_ACROSS, len(rows))
    figure = Figure(figsize=(3.6 * across, 1.5 * -(-len(rows) // across) + 0.6), layout="tight")
    axes = figure.subplots()
    triples = [shown_pixels(each) for each in (images, GREY + MAGNIFIED * change, images + change)]
    draw_triples(axes, triples, captions, across=across)
    size = f"average distortion {found.distortion:.6f}" if found.driven.any() else "no average distortion"
    axes.set_title(
        f"{verbatim(found.called)}: {found.driven.sum()} of {len(found.rows)} become {verbatim(found.goal)}, {size} "
        f"(paper {FIGURE_5[0]})",
        fontsize=10,
    )
    return figure


def draw_triples(
    axes: Axes, triples: Sequence[np.ndarray], captions: Sequence[tuple[str, str]], *, across: int = _ACROSS
) -> Axes:
    """Draw pictures side by side, a group of three a picture, ``across`` groups a row, and return the axes.

    ``triples``: originals, differences and results, (n, height, width) or (n, height, width, 3) each; what lies outside
    [0, 1] is clipped. ``captions``: n pairs, below the first and the last of each group.
    """
    count, height, width, *colours = triples[0].shape
    gap, between, below = round(_GAP * width), round(_BETWEEN * width), round(_BELOW * height)
    group = 3 * width + 2 * gap + between
    down = -(-count // across)
    picture = np.ones((down * (height + below), across * group - between, *colours), np.float32)
    for index, (first, last) in enumerate(captions):
        top, left = index // across * (height + below), index % across * group
        for place, shown in enumerate(triples):
            start = left + place * (width + gap)
            picture[top : top + height, start : start + width] = shown[index].clip(0, 1)
        for place, text in ((0, first), (2, f"→ {last}")):
            middle = left + place * (width + gap) + width / 2
            axes.text(middle, top + height, verbatim(_short(text)), fontsize=6, ha="center", va="top")
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    return axes


def _short(text: str) -> str:
    """Return a class's first name, cut where it is long."""
    first = text.partition(",")[0]
    return first if len(first) <= _CHARACTERS else f"{first[: _CHARACTERS - 1]}…"
