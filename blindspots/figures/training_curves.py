"""How the trainings went: loss, error and gradient over the iterations, for every model."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from blindspots.errors import InputError
from blindspots.figures.palette import line_style, source_label
from blindspots.results.results import Results
from blindspots.store import layout

_PANELS = {
    "loss": "loss, nat",
    "error": "training error, %",
    "gradient_norm": "Euclidean norm of the gradient",
}
_PHASES = ("full-batch", "autoencoder", "minibatches")
_TITLES = {
    "full-batch": "full-batch L-BFGS",
    "autoencoder": "sparse autoencoder, L-BFGS (a loss of its own, without labels)",
    "minibatches": "minibatch Adam",
}
_UNDEFINED = {("autoencoder", "error"), ("minibatches", "gradient_norm")}
_LEAST_ERROR = 1e-3  # percent: below, the axis is linear down to 0

Curves = dict[str, dict[tuple[str, int], xr.Dataset]]


def training_curves(results: Results) -> Figure:
    """Return a row of panels a phase of training: loss, training error, norm of the gradient, on log axes.

    One line a model, thin ones for further seeds. The error's axis is linear below a thousandth of a percent, so that
    0 has a place; so is that of the iterations below 1.

    Raises :class:`InputError` where the store has no curve.
    """
    study, found = results.study, curves(results)
    if not found:
        raise InputError("the store has no training curves; make them with: blindspots run")
    styles = {spec.name: line_style(index) for index, spec in enumerate(study.models)}
    figure = Figure(figsize=(9.6, 2.45 * len(found) + 0.35), layout="constrained")
    rows = figure.subplots(len(found), len(_PANELS), squeeze=False)
    for (phase, models), panels in zip(found.items(), rows, strict=True):
        shown = []
        for axes, (name, label) in zip(panels, _PANELS.items(), strict=True):
            if (phase, name) in _UNDEFINED:
                axes.set_axis_off()
                continue
            draw_curves(axes, models, name, styles)
            axes.set_ylabel("loss" if (phase, name) == ("autoencoder", "loss") else label, fontsize=8)
            axes.set_xlabel("epoch" if phase == "minibatches" else "iteration", fontsize=8)
            shown.append(axes)
        shown[0].set_title(_TITLES[phase], fontsize=8.5, loc="left")
    trained = [spec.name for spec in study.models if any((spec.name, 0) in models for models in found.values())]
    keys = [Line2D([], [], linewidth=1.6, **styles[name]) for name in trained]  # type: ignore[arg-type]
    names = [source_label(study, name) for name in trained]
    figure.legend(keys, names, loc="outside upper center", ncols=min(6, len(keys)), fontsize=7.5, frameon=False)
    return figure


def curves(results: Results) -> Curves:
    """Return the curves of the study's models by phase, then by (model, seed); phases that no model has left out.

    Iterations of L-BFGS are counted from the beginning of their phase.
    """
    found: Curves = {phase: {} for phase in _PHASES}
    for spec in results.study.models:
        for seed in range(results.study.seeds):
            curve = results.find(layout.curve(spec.name, seed))
            if curve is None:
                continue
            if "phase" not in curve:
                found["full-batch"][spec.name, seed] = curve
                continue
            names = curve["phase"].attrs["flag_meanings"].split()
            for phase in np.unique(curve["phase"].values).tolist():
                part = curve.isel(iteration=np.flatnonzero(curve["phase"].values == phase))
                begin = 0 if names[phase] == "minibatches" else int(part["iteration"][0])
                found[names[phase]][spec.name, seed] = part.assign_coords(iteration=part["iteration"] - begin)
    return {phase: models for phase, models in found.items() if models}


def draw_curves(
    axes: Axes, found: Mapping[tuple[str, int], xr.Dataset], name: str, styles: Mapping[str, Mapping[str, str]]
) -> Axes:
    """Draw the variable ``name`` of curves by (model, seed), in the models' ``styles``, and return the axes."""
    factor = 100 if name == "error" else 1
    for (model, seed), curve in found.items():
        values = factor * curve[name].values
        axes.plot(
            curve["iteration"].values,
            values,
            linewidth=0.7 if seed else 1.3,
            marker="." if len(values) < 40 else "",
            markersize=3,
            **styles[model],  # type: ignore[arg-type]
        )
    axes.set_xscale("symlog", linthresh=1, linscale=0.25)
    axes.set_xlim(left=0)
    if name == "error":
        axes.set_yscale("symlog", linthresh=_LEAST_ERROR, linscale=0.25)
        axes.set_ylim(bottom=0)
    else:
        axes.set_yscale("log")
    axes.grid(color="#dddddd", linewidth=0.5)
    axes.tick_params(which="both", labelsize=7)
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
    return axes
