"""Figure 7: what a model misreads, beside noise a dozen times as strong that it often reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.errors import InputError
from blindspots.figures.palette import source_label
from blindspots.figures.pixels import shown_pixels
from blindspots.figures.plate import Plate
from blindspots.names import NO_RULE, noise_name
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.study import Study
from blindspots.tables.cells import Transfer
from blindspots.tables.distortions import distortions, set_split

NOISE = 1.0
"""Standard deviation of the noise in the paper's figure (slip "noise of Figure 7")."""

_STRONG = 10  # times the distortion of what misleads: what the paper's noise is more than
_PAIRS_A_ROW, _ROWS = 4, 6
_GAP, _BETWEEN, _BELOW = 1, 7, 9  # pixels of an image of 28: within a pair, between pairs, under a row
_PIXELS = 28
_RIGHT, _WRONG = "#0072B2", "#D55E00"  # blue and vermilion, told apart by every kind of eye


@dataclass(frozen=True)
class Panel:
    """One third of the figure: images beside what became of them, and what a model reads there."""

    title: str
    images: np.ndarray
    """(n, height, width) originals in [0, 1], or (n, height, width, 3) in colours."""
    shown: np.ndarray
    """The same, as shown to the model."""
    labels: np.ndarray
    read: np.ndarray | None
    """(n,) classes read in what is shown; None where that is not stored."""
    strength: float = np.nan
    """Average distortion of the set, or standard deviation of the noise; NaN where no search succeeded."""


def figure7(
    results: Results,
    *,
    models: Sequence[str] | None = None,
    rule: str | None = None,
    seed: int = 0,
) -> Figure:
    """Return pairs (original, distorted) for two models, beside the same images with Gaussian noise.

    ``models``: names of the study; by default its first and FC200-200-10, as in the paper, or without that the last
    whose sets are of the same images. ``rule``: the sets' rule, by default random as in the paper, where there is such
    a set. The class read stands under each distorted image; the noise has a standard deviation of 1, or the largest
    that the study has.

    Raises :class:`InputError` where the store lacks the sets, those of the models are of different images, or none of
    these is read correctly.
    """
    return _drawn(panels_of(results, models=models, rule=rule, seed=seed))


def figure7_plates(results: Results) -> Iterator[Plate]:
    """Yield the figure with words that hold for what it shows."""
    panels = panels_of(results)
    yield Plate(_drawn(panels), *described(panels))


def described(panels: Sequence[Panel]) -> tuple[str, str]:
    """Return what ``panels`` show, for who cannot see them, and what stands below them."""
    made = [each for each in panels if each.read is not None]
    alt = (
        f"Pairs of an original image and the same image distorted, which looks almost like it, for {len(made)} models."
        if len(made) > 1
        else "Pairs of an original image and the same image distorted, which looks almost like it."
    )
    caption = (
        "Figure 7: originals beside what a search made of them; below each its label, and after the arrow the class "
        "that the model reads."
    )
    for noise in panels[len(made) :]:
        strong = all(noise.strength > _STRONG * each.strength for each in made)  # never where no search succeeded
        times = ", more than ten times as strong as what misleads" if strong else ""
        alt += " Beside them the same images in noise."
        caption += f" Right: the same images with noise{times}, shown clipped."
    return alt, caption


def panels_of(
    results: Results,
    *,
    models: Sequence[str] | None = None,
    rule: str | None = None,
    seed: int = 0,
) -> list[Panel]:
    """Return a panel for each model, then one of noise where the study has some; arguments and errors of the figure."""
    study = results.study
    names = list(models or _default(study))
    splits = {name: set_split(study, study.model(name)) for name in names}
    if len(set(splits.values())) > 1:
        said = ", ".join(f"{name}: {split}" for name, split in splits.items())
        raise InputError(f"the sets of the models are of different images ({said}); name models of one split")
    used = rule or ("random" if "random" in study.sets.rules else study.sets.rules[0])
    split = splits[names[0]]
    sets = [results.group(layout.adversarial_set(name, seed, split, used)) for name in names]
    stddev = NOISE if NOISE in study.sets.noise else max(study.sets.noise, default=None)
    noise = [] if stddev is None else [results.group(layout.reference_set(split, noise_name(stddev, False)))]
    least = min(found.sizes["example"] for found in (*sets, *noise))  # that of the noise may be the smallest
    read_right = np.all([(found["clean_predicted"].values == found["label"].values)[:least] for found in sets], axis=0)
    rows = np.flatnonzero(read_right)[: _ROWS * _PAIRS_A_ROW]
    if not len(rows):
        raise InputError(f"{' and '.join(names)} read none of the images correctly: there is no pair to show")
    panels = [adversarial_panel(results, name, used, found, rows) for name, found in zip(names, sets, strict=True)]
    if stddev is not None:
        panels.append(noise_panel(results, stddev, names[0], rows))
    return panels


def _drawn(panels: Sequence[Panel]) -> Figure:
    figure = Figure(figsize=(4.4 * len(panels), 4.6), layout="tight")
    for index, panel in enumerate(panels):
        draw_panel(figure.add_subplot(1, len(panels), index + 1), panel)
    return figure


def _default(study: Study) -> list[str]:
    """Return the two models that are shown where none is named."""
    first = study.models[0]
    alike = [spec.name for spec in study.models if set_split(study, spec) == set_split(study, first)]
    second = "fc200-200-10" if "fc200-200-10" in alike else alike[-1]
    return list(dict.fromkeys((first.name, second)))


def adversarial_panel(results: Results, model: str, rule: str, found: xr.Dataset, rows: np.ndarray) -> Panel:
    """Return the panel of the examples ``rows`` of a model's adversarial set ``found``."""
    study = results.study
    split = set_split(study, study.model(model))
    shown = found.isel(example=rows)
    images = results.dataset.images(split, shown["example"].values).numpy()
    accuracy = 1 - Transfer(results).rate(model, model, split=split, rule=rule).rate
    average = distortions(results, model, split=split, rule=rule).mean
    name = source_label(study, model)
    size = "no search succeeded" if np.isnan(average) else f"average distortion {average:.3f}"
    return Panel(
        title=f"{name}, rule {rule}\n{size}, accuracy {100 * accuracy:.0f}%",
        images=shown_pixels(images),
        shown=shown_pixels(images + shown["perturbation"].values),
        labels=shown["label"].values,
        read=shown["predicted"].values,
        strength=average,
    )


def noise_panel(results: Results, stddev: float, model: str, rows: np.ndarray) -> Panel:
    """Return the panel of the same examples with Gaussian noise, titled with the accuracy that ``model`` keeps."""
    study = results.study
    split, source = set_split(study, study.model(model)), noise_name(stddev, False)
    found = results.group(layout.reference_set(split, source)).isel(example=rows)
    images = results.dataset.images(split, found["example"].values).numpy()
    rate = Transfer(results).rate(source, model, split=split, rule=NO_RULE).rate
    name = source_label(study, model)
    return Panel(
        title=f"Gaussian noise of stddev {stddev:g}\naccuracy of {name} {100 * (1 - rate):.0f}%",
        images=shown_pixels(images),
        shown=shown_pixels(images + found["perturbation"].values),
        labels=found["label"].values,
        read=None,
        strength=stddev,
    )


def draw_panel(axes: Axes, panel: Panel) -> Axes:
    """Draw a panel's pairs as one picture into ``axes`` and return them: even columns originals, odd ones as shown."""
    height, width, *colours = panel.images.shape[1:]
    gap, between, below = (max(1, round(each * height / _PIXELS)) for each in (_GAP, _BETWEEN, _BELOW))
    step_x, step_y = 2 * width + gap + between, height + below
    across = min(_PAIRS_A_ROW, len(panel.images))
    down = -(-len(panel.images) // across)
    picture = np.ones((down * step_y, across * step_x - between, *colours), np.float32)
    for index, (image, shown) in enumerate(zip(panel.images, panel.shown, strict=True)):
        top, left = index // across * step_y, index % across * step_x
        picture[top : top + height, left : left + width] = image
        second = left + width + gap
        picture[top : top + height, second : second + width] = shown.clip(0, 1)
        label, at = int(panel.labels[index]), top + height + 0.5
        axes.text(left + width / 2, at, str(label), fontsize=7, ha="center", va="top")
        if panel.read is not None:
            read = int(panel.read[index])
            colour = _RIGHT if read == label else _WRONG
            axes.text(second + width / 2, at, f"→ {read}", fontsize=7, ha="center", va="top", color=colour)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_title(panel.title, fontsize=9)
    axes.set_axis_off()
    return axes
