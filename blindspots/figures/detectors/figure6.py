"""Figure 6: original, result and magnified difference of pictures that a detector no longer detects."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blindspots.detectors.extractors import extractor_names
from blindspots.errors import InputError
from blindspots.figures.palette import verbatim
from blindspots.figures.pixels import shown_pixels
from blindspots.figures.plate import Plate
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.detector_spec import PIXELS
from blindspots.tables.detectors import above_pixels, mean_distortion

_MOST = 16
_A_ROW = 4
_GAP, _BETWEEN = 0.02, 0.12  # of a picture's width: within a triple, between triples
_ALL_BUT = 99.5  # percent of the differences that are shown as they are; the rest is white


def figure6(results: Results, *, extractor: str | None = None) -> Figure:
    """Return the pictures that the detector on an extractor's features no longer detects, as in the paper's Figure 6.

    Triples: the original, what is read as negative, and the absolute difference, magnified by the same whole number for
    all, which is said. ``extractor``: a name of the study's, by default the last, which is one out of a file where
    there is any.

    Raises :class:`InputError` where the study has no such extractor, or the store lacks its detector.
    """
    names = extractor_names(results.study)
    used = extractor or (names[-1] if names else "")
    if used not in names:
        known = ", ".join(names) or "none"
        raise InputError(f"no extractor is called {used!r} in the study {results.study.name}; there are: {known}")
    found = results.group(layout.detector(used))
    count = min(_MOST, found.sizes["misled"])
    if count == 0:
        raise InputError(f"the detector on {used} detects no {found.attrs['what']}: there is none to mislead")
    rows = -(-count // _A_ROW)
    figure = Figure(figsize=(12.4, 1.05 * rows + 0.55), layout="constrained")
    draw_triples(figure.subplots(), found.isel(misled=slice(count)))
    return figure


def figure6_plates(results: Results) -> Iterator[Plate]:
    """Yield the figure of every extractor that is a network, and of the pixels where there is no other."""
    names = extractor_names(results.study)
    for name in [each for each in names if each != PIXELS] or names:
        found = results.group(layout.detector(name))
        what = found.attrs["what"]
        yield Plate(
            figure6(results, extractor=name),
            alt=f"Triples of pictures: a {what}, the same picture changed so that it is no longer detected, which "
            "looks the same, and the magnified difference.",
            caption=f"Figure 6, on the features of {name}: original, result, and magnified absolute difference. "
            f"{described(found)} {_where_it_stands(found, results)}".strip(),
        )


def described(found: xr.Dataset) -> str:
    """Return in two sentences how well a detector tells pictures apart, and how it is misled."""
    area, low, high = (float(found.attrs[name]) for name in ("area", "area_low", "area_high"))
    positive, n = int(found["positive"].sum()), found.sizes["example"]
    misled, of = int(found["success"].sum()), found.sizes["misled"]
    return (
        f"{positive} of {n} pictures show a {found.attrs['what']}; a linear classifier on {found.attrs['features']} "
        f"features tells them from the others with an area under the curve of {area:.2f} [{low:.2f}, {high:.2f}], by "
        f"cross-validation. {misled} of {of} are no longer detected"
        + (f", at an average distortion of {mean_distortion(found):.5f}." if misled else ": no search succeeded.")
    )


def _where_it_stands(found: xr.Dataset, results: Results) -> str:
    """Return what a detector of raw pixels reaches, and a warning where this one's is not clearly more."""
    pixels = results.find(layout.detector(PIXELS))
    if found.attrs["extractor"] == PIXELS or pixels is None:
        return ""
    area, low, high = (float(pixels.attrs[name]) for name in ("area", "area_low", "area_high"))
    more = above_pixels(found, pixels)
    said = (
        f"On raw pixels the area is {area:.2f} [{low:.2f}, {high:.2f}], and over the same pictures the difference is "
        f"{more.difference:+.2f} [{more.low:+.2f}, {more.high:+.2f}]"
    )
    if more.low > 0:
        return f"{said}."
    return f"{said}: these features are not clearly better, and the figure shows how a weak detector is misled."


def magnification(difference: np.ndarray) -> int:
    """Return by what whole number a difference is multiplied so that all but its largest values stay below white."""
    most = float(np.percentile(np.abs(difference), _ALL_BUT))
    return max(1, int(1 / most)) if most > 0 else 1


def draw_triples(axes: Axes, found: xr.Dataset) -> Axes:
    """Draw the pictures of a detector's group as triples, four a row, and return the axes."""
    original, change = found["original"].values, found["perturbation"].values
    factor = magnification(change)
    shown = [shown_pixels(each) for each in (original, original + change, np.abs(factor * change).clip(0, 1))]
    count, height, width, *colours = shown[0].shape
    gap, between = max(1, round(_GAP * width)), max(2, round(_BETWEEN * width))
    step_x, step_y = 3 * width + 2 * gap + between, height + between
    across = min(_A_ROW, count)
    down = -(-count // across)
    picture = np.ones((down * step_y - between, across * step_x - between, *colours), np.float32)
    for index in range(count):
        top, left = index // across * step_y, index % across * step_x
        for place, images in enumerate(shown):
            begin = left + place * (width + gap)
            picture[top : top + height, begin : begin + width] = images[index].clip(0, 1)
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    area, low, high = (float(found.attrs[name]) for name in ("area", "area_low", "area_high"))
    misled = int(found["success"].sum())
    by = f", by {mean_distortion(found):.5f}" if misled else ""
    axes.set_title(
        f"{found.attrs['extractor']}: {verbatim(found.attrs['what'])} detected with AUC {area:.2f} "
        f"[{low:.2f}, {high:.2f}]; {misled} of {count} no longer{by}\n"
        f"original | no longer detected | {factor} x absolute difference",
        fontsize=9,
    )
    axes.set_axis_off()
    return axes
