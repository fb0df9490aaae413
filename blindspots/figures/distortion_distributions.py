"""How far apart the images of a set lie: the distribution of the least distortions, for every model and rule."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from blindspots.errors import InputError
from blindspots.figures.palette import COLOURS, source_label
from blindspots.paper import published as paper
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.model_spec import HALVES
from blindspots.study.study import Study

_SHOWN = 0.998  # share of a set's images that the axis has room for
_RIDGE = 0.5  # inches a model
_MEANS: tuple[Literal["-", "--", ":"], ...] = ("-", "--", ":")  # line styles of the rules' means


def distortion_distributions(results: Results) -> Figure:
    """Return a ridge a model: how its sets' distortions are distributed under each rule, with their mean.

    Over the images that the model reads correctly from the start and for which the search succeeded, as the averages of
    the tables are; seeds pooled. A triangle marks the paper's average, which is that of a random target (slip
    "targets").

    Raises :class:`InputError` where the store has no set at all.
    """
    study = results.study
    found = {spec.name: distortions_of(results, spec.name) for spec in study.models}
    found = {model: sets for model, sets in found.items() if sets}
    if not found:
        raise InputError("the store has no adversarial sets; make them with: blindspots run")
    published = {model: _published(study, model) for model in found}
    published = {model: value for model, value in published.items() if np.isfinite(value)}
    ends = [float(np.quantile(values, _SHOWN)) for sets in found.values() for values in sets.values()]
    right = 1.03 * max(*ends, *published.values(), 0.0)
    figure = Figure(figsize=(9.6, 0.95 + _RIDGE * len(found)), layout="constrained")
    ridges = figure.subplots(len(found), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (model, sets) in zip(ridges, found.items(), strict=True):
        draw_ridge(axes, sets, study.sets.rules, right=right, published=published.get(model))
        axes.set_ylabel(source_label(study, model), rotation=0, ha="right", va="center", fontsize=7.5)
    ridges[-1].set_xlabel("distortion: root mean square of the perturbation, in pixel values of [0, 1]", fontsize=8)
    ridges[-1].tick_params(axis="x", labelsize=7.5)
    rules = [rule for rule in study.sets.rules if any(rule in sets for sets in found.values())]
    places = [study.sets.rules.index(rule) for rule in rules]
    keys = [
        Line2D([], [], color=COLOURS[place % len(COLOURS)], linestyle=_MEANS[place % len(_MEANS)]) for place in places
    ]
    names = [f"rule {rule}, with its mean" for rule in rules]
    if published:
        keys.append(Line2D([], [], color="black", marker="v", linestyle="none"))
        names.append("the paper's average")
    figure.legend(keys, names, loc="outside upper center", ncols=len(keys), fontsize=7.5, frameon=False)
    return figure


def distortions_of(results: Results, model: str) -> dict[str, np.ndarray]:
    """Return the distortions (n,) of a model's sets by rule, pooled over seeds and splits; what it lacks left out."""
    study, found = results.study, dict[str, np.ndarray]()
    for rule in study.sets.rules:
        parts = []
        for seed in range(study.seeds):
            for split in study.splits(study.model(model)):
                group = results.find(layout.adversarial_set(model, seed, split, rule))
                if group is not None:
                    read = group["clean_predicted"].values == group["label"].values
                    parts.append(group["distortion"].values[read & group["success"].values.astype(bool)])
        if sum(map(len, parts)):
            found[rule] = np.concatenate(parts)
    return found


def draw_ridge(
    axes: Axes,
    sets: Mapping[str, np.ndarray],
    rules: Sequence[str],
    *,
    right: float,
    published: float | None = None,
) -> Axes:
    """Draw histograms of ``sets``, distortions (n,) by rule, from 0 to ``right`` into ``axes`` and return them.

    Each is drawn to the same height, so that shapes can be compared, in the colour of its place among ``rules``.
    """
    fewest = min(map(len, sets.values()))
    edges = np.linspace(0, right, int(np.clip(2 * np.sqrt(fewest), 20, 120)) + 1)
    for rule, values in sets.items():
        index = rules.index(rule)
        colour = COLOURS[index % len(COLOURS)]
        counts, _ = np.histogram(values, edges)
        height = counts / max(1, counts.max())
        axes.stairs(height, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(height, edges, color=colour, linewidth=0.9, label=rule)
        mean = float(values.mean())
        axes.plot([mean, mean], [0, 1.08], color=colour, linewidth=1.5, linestyle=_MEANS[index % len(_MEANS)])
        side = "right" if any(mean < other < mean + right / 16 for other in _others(sets, rule)) else "left"
        axes.text(mean, 1.1, f" {mean:.4f} ", fontsize=6.5, color=colour, ha=side, va="center")
    if published is not None:
        axes.plot([published], [0.12], marker="v", markersize=6.5, color="black", linestyle="none", zorder=4)
        axes.annotate(
            f"{published:g}", (published, 0.12), (5, 0), textcoords="offset points", fontsize=6.5, va="center"
        )
    axes.set_xlim(0, right)
    axes.set_ylim(0, 1.25)
    axes.set_yticks([])
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    return axes


def _published(study: Study, model: str) -> float:
    """Return the paper's average distortion of a model's set; NaN where it has none, or of other images."""
    spec = study.model(model)
    number = 3 if spec.split in HALVES else 1
    known = paper.knows(study, model) and study.splits(spec)[0] == paper.SET_SPLIT[number]
    return paper.distortion(model) if known else np.nan


def _others(sets: Mapping[str, np.ndarray], rule: str) -> list[float]:
    return [float(values.mean()) for name, values in sets.items() if name != rule]
