"""Bounds of the study's own models, a row a model, beside the least distortions that were found (section 4.3)."""

import numpy as np
import xarray as xr

from blindspots.results.brackets import brackets, closeness
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.model_spec import ModelSpec
from blindspots.tables.distortions import distortions, set_split
from blindspots.tables.rows import common_attributes, describe, reader_name, texts

RULE = "nearest"


def bounds_table(results: Results) -> xr.Dataset:
    """Return bounds along ``model``: of each network, and what is certified of its least distortions.

    ``product`` is the mean over seeds of the bound of section 4.3, between ``product_least`` and ``product_most``;
    ``norms`` is a text: the upper bounds of the norms of its layers with weights, of seed 0. ``distortion`` and
    ``lower_bound`` are means over the images that a model reads correctly, of its nearest set; ``closed`` is the mean
    ratio of the two, image by image. ``near`` is the same ratio, over ``near_images``, where the lower bound is what is
    proved near each image (:mod:`blindspots.spectral.proof.local`, :mod:`blindspots.spectral.relaxation`),
    ``near_close`` the share of them whose ratio is at least 0.99, and ``minimal`` of those with at least 0.9999: their
    least distortion is known; ``near_by`` says what proved it, "product" where nothing near an image applies to the
    network. NaN where there are none.

    Raises :class:`~blindspots.errors.InputError` where the store lacks the bounds.
    """
    study = results.study
    rows = [_row(results, spec) for spec in study.models]
    table = xr.Dataset(
        {
            "paper_name": ("model", texts(spec.paper for spec in study.models)),
            "reader_name": ("model", texts(map(reader_name, study.models))),
            "norms": ("model", texts(_norms(results, spec.name) for spec in study.models)),
            **{name: ("model", _column([row[name] for row in rows])) for name in rows[0]},
        },
        coords={"model": texts(spec.name for spec in study.models)},
        attrs={**common_attributes("bounds", study), "rule": RULE},
    )
    return describe(table, _LONG_NAMES)


_LONG_NAMES = {
    "norms": "layers with weights, and the upper bounds of their norms, of seed 0",
    "product": "bound of the whole network: product of its layers', mean over seeds",
    "product_least": "the least of the seeds' bounds",
    "product_most": "the greatest of the seeds' bounds",
    "distortion": "mean least distortion found, over images read correctly from the start",
    "lower_bound": "mean certified lower bound of it",
    "closed": "mean ratio of the certified to the found, image by image; 1: the least distortion is known",
    "near": "mean ratio to the found of what is proved near each image",
    "near_close": "share of images whose ratio is at least 0.99",
    "minimal": "share of images whose ratio is at least 0.9999: their least distortion is known",
    "near_images": "images of these three, of one seed",
    "near_by": "what proves near an image: how a sigmoid network bends, or a relaxation; or the product of the layers",
    "images": "images of these means, of one seed",
}


def _row(results: Results, spec: ModelSpec) -> dict[str, float | str]:
    study = results.study
    products = [float(_bounds(results, spec.name, seed).attrs["product"]) for seed in range(study.seeds)]
    row: dict[str, float | str] = {
        "product": float(np.mean(products)),
        "product_least": min(products),
        "product_most": max(products),
    }
    split = set_split(study, spec)
    row |= _near(results, spec.name)
    if RULE not in study.sets.rules:
        return row | {"distortion": np.nan, "lower_bound": np.nan, "closed": np.nan, "images": 0}
    made = distortions(results, spec.name, split=split, rule=RULE)
    ratios = []
    for seed in range(study.seeds):
        found = results.group(layout.adversarial_set(spec.name, seed, split, RULE))
        read = (found["clean_predicted"].values == found["label"].values) & found["success"].values
        with np.errstate(invalid="ignore"):
            closed = found["lower_bound"].values[read] / found["distortion"].values[read]
        ratios.append(np.mean(closed) if len(closed) else np.nan)  # a model may read nothing correctly
    return row | {
        "distortion": made.mean,
        "lower_bound": made.lower_bound,
        "closed": float(np.mean(ratios)),
        "images": made.n,
    }


def _near(results: Results, model: str) -> dict[str, float | str]:
    near = closeness(brackets(results, model))
    shares = {"near": near.ratio, "near_close": near.close, "minimal": near.known}
    return {**shares, "near_images": near.images, "near_by": near.by}


def _column(values: list[float | str]) -> np.ndarray:
    return texts(map(str, values)) if isinstance(values[0], str) else np.array(values)


def _norms(results: Results, model: str) -> str:
    found = _bounds(results, model, 0)
    weighted = [kind in _WEIGHTED for kind in map(str, found["kind"].values)]
    return ", ".join(f"{upper:.4g}" for upper in found["upper"].values[weighted])


_WEIGHTED = {"Linear", "Conv1d", "Conv2d", "Conv3d"}


def _bounds(results: Results, model: str, seed: int) -> xr.Dataset:
    return results.group(layout.bounds(model, seed))
