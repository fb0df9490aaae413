"""Figure 7: what a model misreads, beside noise a dozen times as strong that it often reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.names import NO_RULE, noise_name
from blindspots.study import Study
from blindspots.tables.cells import Transfer, distortions, set_split

NOISE = 1.0
"""Standard deviation of the noise in the paper's figure (slip 16)."""

_PAIRS_A_ROW, _ROWS = 4, 6
_RIGHT, _WRONG = "#0072B2", "#D55E00"  # blue and vermilion, told apart by every kind of eye; the sign says it too


@dataclass(frozen=True)
class Panel:
    """One third of the figure: images beside what became of them, and what a model reads there."""

    title: str
    images: np.ndarray
    """(n, height, width) originals in [0, 1]."""
    shown: np.ndarray
    """(n, height, width) as shown to the model."""
    labels: np.ndarray
    read: np.ndarray | None
    """(n,) classes read in what is shown; None where that is not stored."""


def figure7(
    tree: xr.DataTree,
    study: Study,
    dataset: Dataset,
    *,
    models: Sequence[str] | None = None,
    rule: str | None = None,
    seed: int = 0,
) -> Figure:
    """Return pairs (original, distorted) for two models, beside the same images with Gaussian noise.

    ``models``: two names of the study; by default its first and its last, as in the paper FC10 and FC200-200-10.
    ``rule``: the sets' rule, by default random as in the paper, where there is such a set. The class read stands under
    each distorted image; the noise has a standard deviation of 1, or the largest that the study has.

    Raises :class:`InputError` where the store lacks the sets.
    """
    names = list(models or dict.fromkeys((study.models[0].name, study.models[-1].name)))
    for name in names:
        study.model(name)
    used = rule or ("random" if "random" in study.sets.rules else study.sets.rules[0])
    panels = [adversarial_panel(tree, study, dataset, name, used, seed=seed) for name in names]
    if study.sets.noise:
        stddev = NOISE if NOISE in study.sets.noise else max(study.sets.noise)
        panels.append(noise_panel(tree, study, dataset, stddev, names[0]))
    figure = Figure(figsize=(4.2 * len(panels), 7.4), layout="constrained")
    for part, panel in zip(np.atleast_1d(figure.subfigures(1, len(panels))), panels, strict=True):
        part.suptitle(panel.title, fontsize=9)
        axes = part.subplots(_ROWS, 2 * _PAIRS_A_ROW)
        for index, (left, right) in enumerate(axes.reshape(-1, 2)):
            draw_pair(left, right, panel, index)
    return figure


def adversarial_panel(tree: xr.DataTree, study: Study, dataset: Dataset, model: str, rule: str, *, seed: int) -> Panel:
    """Return the panel of a model's adversarial set: its first examples that the model reads correctly."""
    split = set_split(study)
    found = _set(tree, f"sets/{model}/seed-{seed}/{split}/{rule}")
    read_right = np.flatnonzero(found["clean_predicted"].values == found["label"].values)
    rows = read_right[: _ROWS * _PAIRS_A_ROW]
    shown = found.isel(example=rows)
    images = dataset.images(split, shown["example"].values).numpy()
    accuracy = 1 - Transfer(tree, study).rate(model, model, split=split, rule=rule).rate
    average = distortions(tree, model, split=split, rule=rule, seeds=study.seeds).mean
    name = study.model(model).paper or model
    return Panel(
        title=f"{name}, rule {rule}\naverage distortion {average:.3f}, accuracy {100 * accuracy:.0f}%",
        images=images[:, 0],
        shown=(images + shown["perturbation"].values)[:, 0],
        labels=shown["label"].values,
        read=shown["predicted"].values,
    )


def noise_panel(tree: xr.DataTree, study: Study, dataset: Dataset, stddev: float, model: str) -> Panel:
    """Return the panel of Gaussian noise, titled with the accuracy that ``model`` keeps on it."""
    split, name = set_split(study), noise_name(stddev, False)
    found = _set(tree, f"references/{split}/{name}").isel(example=slice(_ROWS * _PAIRS_A_ROW))
    images = dataset.images(split, found["example"].values).numpy()
    rate = Transfer(tree, study).rate(name, model, split=split, rule=NO_RULE).rate
    return Panel(
        title=f"Gaussian noise of stddev {stddev:g}\naccuracy of {study.model(model).paper or model} {100 * (1 - rate):.0f}%",
        images=images[:, 0],
        shown=(images + found["perturbation"].values)[:, 0],
        labels=found["label"].values,
        read=None,
    )


def draw_pair(left: Axes, right: Axes, panel: Panel, index: int) -> None:
    """Draw original and distorted image ``index`` of a panel; empty axes where it has no more."""
    for axes in (left, right):
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_linewidth(0.4)
    if index >= len(panel.images):
        left.set_axis_off()
        right.set_axis_off()
        return
    for axes, image in ((left, panel.images[index]), (right, panel.shown[index])):
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    label = int(panel.labels[index])
    left.set_xlabel(str(label), fontsize=7, labelpad=1)
    if panel.read is not None:
        read = int(panel.read[index])
        sign, colour = ("=", _RIGHT) if read == label else ("≠", _WRONG)
        right.set_xlabel(f"{sign} {read}", fontsize=7, labelpad=1, color=colour)


def _set(tree: xr.DataTree, path: str) -> xr.Dataset:
    try:
        found = tree[path]
    except KeyError:
        raise InputError(f"the store lacks {path}; finish it with: blindspots run") from None
    if not isinstance(found, xr.DataTree):
        raise InputError(f"{path} is no set")
    return found.to_dataset()
