"""Tables 2 and 4: every set shown to every model."""

from typing import Any

import numpy as np
import xarray as xr

from blindspots.intervals import overlap
from blindspots.names import NO_RULE
from blindspots.paper import published as paper
from blindspots.results.results import Results
from blindspots.study.study import Study
from blindspots.tables.cells import Cell, Transfer
from blindspots.tables.distortions import Distortions, distortions
from blindspots.tables.rows import (
    describe,
    distorted_split,
    models_of,
    noise_of,
    on_the_papers_images,
    reader_name,
    table_attributes,
    texts,
)

VARIANTS = ("plain", "amplified", "amplified-clipped", "amplified-in-box")
"""How Table 4 shows a set: as made; amplified, as printed; amplified, then clipped; amplified inside [0, 1]."""

_DIMS = ("rule", "variant", "source", "target")
_LONG_NAMES = {
    "rate": "error rate of the target on the source's set, over all its images, mean over seeds",
    "low": "lower end of the rate's Wilson 95% interval",
    "high": "upper end of the rate's Wilson 95% interval",
    "spread": "standard deviation of the rate over seeds",
    "n": "images in the set, of one seed; 0: there is no such cell",
    "misread": "images not read as their label, mean over seeds",
    "as_target": "images read as the target of their perturbation, mean over seeds",
    "as_target_rate": "share of images read as the target of their perturbation",
    "as_target_low": "lower end of that share's Wilson 95% interval",
    "as_target_high": "upper end of that share's Wilson 95% interval",
    "as_target_spread": "standard deviation of that share over seeds",
    "clean": "error rate of the target on the same images without a perturbation",
    "clean_low": "lower end of that rate's Wilson 95% interval",
    "clean_high": "upper end of that rate's Wilson 95% interval",
    "paper": "error rate in the paper",
    "paper_low": "lower end of the paper's interval, with its rounding",
    "paper_high": "upper end of the paper's interval, with its rounding",
    "paper_n": "images behind the paper's error rate",
    "paper_printed": "the error rate as the paper prints it, in percent",
    "overlap": "1: the intervals overlap, 0: they do not, -1: no such cell in the paper",
    "distortion": "mean distortion of the set as made, over images read correctly from the start",
    "distortion_all": "mean distortion of the set as shown, over all images",
    "distortion_paper": "average distortion in the paper",
    "success": "share of images for which the search succeeded",
}


def transfer_table(number: int, results: Results) -> xr.Dataset:
    """Return Table 2 or 4: rates along (rule, source, target) with intervals, the paper's beside them.

    Table 4 has (rule, variant, source, target): its sets are shown as made and, where the study amplifies the sets of
    that split, amplified (slip "amplification"). The rows of noise are plain and the same under every rule: as drawn,
    which is the paper's reading, and clipped to [0, 1] (slip "clipped noise"). Rates are over all images, with the
    error on the same images without a perturbation beside them (slip "misread from the start").
    """
    study = results.study
    specs, noise, split = models_of(number, study), noise_of(study), distorted_split(number, study)
    amplified = number == 4 and split in study.sets.amplified_splits
    rules, variants = list(study.sets.rules), VARIANTS if amplified else VARIANTS[:1]
    models, sources = [spec.name for spec in specs], [*(spec.name for spec in specs), *noise]
    shape = (len(rules), len(variants), len(sources), len(models))
    values: dict[str, np.ndarray] = {}
    transfer = Transfer(results)
    for i, rule in enumerate(rules):
        for k, source in enumerate(sources):
            used = NO_RULE if source in noise else rule
            made = distortions(results, source, split=split, rule=used)
            for j, variant in enumerate(variants[:1] if source in noise else variants):
                known = _comparable(number, study, source, variant)
                shown = [transfer.cell(source, target, split=split, rule=used, variant=variant) for target in models]
                own = shown[models.index(source)] if source in models else shown[0]
                _put(values, shape[:3], (i, j, k), _of_source(made, own, source, variant, known))
                for m, (target, cell) in enumerate(zip(models, shown, strict=True)):
                    compared = known and paper.knows(study, target)
                    theirs = paper.transfer(source, target, variant=variant) if compared else None
                    _put(values, shape, (i, j, k, m), _of_cell(cell, theirs))
    table = xr.Dataset(
        {
            "source_name": ("source", texts([*map(reader_name, specs), *noise.values()])),
            "target_name": ("target", texts(map(reader_name, specs))),
            **{name: (_DIMS[: array.ndim], array) for name, array in values.items()},
        },
        coords=dict(zip(_DIMS, map(texts, (rules, variants, sources, models)), strict=True)),
        attrs=table_attributes(number, study),
    )
    described = describe(table, _LONG_NAMES)
    return described if number == 4 else described.isel(variant=0, drop=True)


def _comparable(number: int, study: Study, source: str, variant: str) -> bool:
    """Tell whether the paper has the source's set, made of the same images and shown as it shows them."""
    amplified_alike = variant == "plain" or study.sets.amplified_to == paper.AMPLIFIED_TO
    return paper.knows(study, source) and on_the_papers_images(number, study) and amplified_alike


def _of_source(made: Distortions, own: Cell, source: str, variant: str, known: bool) -> dict[str, Any]:
    plain = variant == "plain"
    return {
        "distortion": made.mean if plain else np.nan,
        "distortion_all": made.mean_all if plain else own.distortion,
        "distortion_paper": paper.distortion(source, variant=variant) if known else np.nan,
        "success": made.success,
    }


def _of_cell(cell: Cell, theirs: paper.Published | None) -> dict[str, Any]:
    low, high = cell.misread.interval
    target_low, target_high = cell.as_target.interval
    clean_low, clean_high = cell.clean.interval
    return {
        "rate": cell.misread.rate,
        "low": low,
        "high": high,
        "spread": cell.misread.spread,
        "n": cell.misread.n,
        "misread": float(cell.misread.count),
        "as_target": float(cell.as_target.count) if cell.as_target.n else np.nan,
        "as_target_rate": cell.as_target.rate,
        "as_target_low": target_low,
        "as_target_high": target_high,
        "as_target_spread": cell.as_target.spread,
        "clean": cell.clean.rate,
        "clean_low": clean_low,
        "clean_high": clean_high,
        "paper": theirs.rate if theirs else np.nan,
        "paper_low": theirs.low if theirs else np.nan,
        "paper_high": theirs.high if theirs else np.nan,
        "paper_n": theirs.n if theirs else 0,
        "paper_printed": theirs.printed if theirs else "",
        "overlap": np.int8(overlap((low, high), (theirs.low, theirs.high)) if theirs else -1),
    }


_BLANK: dict[str, Any] = {"overlap": np.int8(-1), "n": 0, "paper_n": 0, "paper_printed": ""}
_DTYPES: dict[str, Any] = {
    "overlap": np.int8,
    "n": np.int64,
    "paper_n": np.int64,
    "paper_printed": np.dtypes.StringDType(),
}


def _put(values: dict[str, np.ndarray], shape: tuple[int, ...], at: tuple[int, ...], numbers: dict[str, Any]) -> None:
    """Put ``numbers`` at one place of the arrays in ``values``, making those that are not there yet, blank."""
    for name, value in numbers.items():
        if name not in values:
            values[name] = np.full(shape, _BLANK.get(name, np.nan), dtype=_DTYPES.get(name, np.float64))
        values[name][at] = value
