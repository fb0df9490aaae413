"""Tables 1 and 3: the models, their errors and the average least distortion of their sets."""

from typing import Any

import numpy as np
import xarray as xr

from blindspots.intervals import overlap
from blindspots.names import CLEAN, NO_RULE
from blindspots.paper import published as paper
from blindspots.results.brackets import brackets, closeness
from blindspots.results.results import Results
from blindspots.study.study import DATASETS
from blindspots.tables.cells import Rate, Transfer
from blindspots.tables.distortions import distortions
from blindspots.tables.rows import (
    describe,
    distorted_split,
    models_of,
    on_the_papers_images,
    reader_name,
    table_attributes,
    texts,
)

ERRORS = {
    1: {"training_error": "train", "test_error": "test"},
    3: {"p1_error": "p1", "p2_error": "p2", "test_error": "test"},
}
"""The errors of either table: their variables, and the images that they are of."""

_IMAGES = {
    "train": "the model's training images",
    "p1": "the images of the half P1",
    "p2": "the images of the half P2",
    "test": "the test images",
}
_DISTORTIONS = {
    "distortion": ("mean", "mean distortion over images read correctly from the start"),
    "distortion_low": ("low", "lower end of the mean distortion's 95% interval"),
    "distortion_high": ("high", "upper end of the mean distortion's 95% interval"),
    "distortion_spread": ("spread", "standard deviation of the mean distortion over seeds"),
    "distortion_n": ("n", "images in the mean distortion, of one seed"),
    "distortion_all": ("mean_all", "mean distortion over all images"),
    "to_exact": ("to_exact", "mean ratio of the distortion to the exact minimum (linear models)"),
    "lower_bound": ("lower_bound", "mean certified lower bound of the distortion"),
    "survives_eight_bits": ("survives", "share of the successes that are left when rounded to 8 bits a value"),
}


_BRACKETS = {
    "bracket": ("ratio", "mean ratio of what is proved near each image to the least distortion found"),
    "bracket_close": ("close", "share of images whose ratio is at least 0.99"),
    "bracket_known": ("known", "share of images whose ratio is at least 0.9999: their least distortion is known"),
    "bracket_n": ("images", "images of these three, of one seed"),
}


def model_table(number: int, results: Results) -> xr.Dataset:
    """Return Table 1 or 3: a row a model; errors with intervals, distortions under each rule, the paper's beside them.

    Distortions are averages over the images that the model read correctly from the start, with the average over all
    beside them (slip "misread from the start"). The paper's are those of a random target (slip "targets"). ``bracket``,
    with what follows it, tells how near what is proved comes to the least distortions found, of nearest sets alone.
    """
    study = results.study
    specs, rules = models_of(number, study), list(study.sets.rules)
    transfer, split = Transfer(results), distorted_split(number, study)
    names = [spec.name for spec in specs]
    columns: dict[str, tuple[Any, ...]] = {
        "paper_name": ("model", texts(reader_name(spec) for spec in specs)),
        "trained_on": ("model", texts(spec.split for spec in specs)),
    }
    published = [paper.errors(name) if paper.knows(study, name) else {} for name in names]
    long_names = {}
    for error, images in ERRORS[number].items():
        there = study.dataset in DATASETS or images in results.dataset.splits  # one's own may have no training images
        rates = [
            transfer.rate(CLEAN, name, split=images, rule=NO_RULE) if there else Rate(0.0, 0, np.nan) for name in names
        ]
        columns |= _error(error, rates, [each.get(images) for each in published])
        long_names[error] = f"share of {_IMAGES[images]} that the model misreads, mean over seeds"
    found = [[distortions(results, name, split=split, rule=rule) for rule in rules] for name in names]
    for name, (field, text) in _DISTORTIONS.items():
        columns[name] = (("model", "rule"), [[getattr(each, field) for each in row] for row in found])
        long_names[name] = text
    near = [closeness(brackets(results, name)) for name in names]
    for name, (field, text) in _BRACKETS.items():
        columns[name] = ("model", [getattr(each, field) for each in near])
        long_names[name] = text
    success = [[Rate(each.success * each.images, each.images, np.nan) for each in row] for row in found]
    columns |= {
        "success": (("model", "rule"), [[each.success for each in row] for row in found]),
        "success_low": (("model", "rule"), [[each.interval[0] for each in row] for row in success]),
        "success_high": (("model", "rule"), [[each.interval[1] for each in row] for row in success]),
        "success_n": (("model", "rule"), [[each.n for each in row] for row in success]),
    }
    known = on_the_papers_images(number, study)
    theirs = np.array([paper.distortion(name) if known and paper.knows(study, name) else np.nan for name in names])
    columns["distortion_paper"] = ("model", theirs)
    ours = np.array([[each.mean for each in row] for row in found])
    columns["distortion_difference"] = (("model", "rule"), ours / theirs[:, None] - 1)
    table = xr.Dataset(
        columns, coords={"model": texts(names), "rule": texts(rules)}, attrs=table_attributes(number, study)
    )
    return describe(
        table,
        long_names
        | {
            "success": "share of all images for which the search succeeded",
            "success_n": "images in the set",
            "distortion_paper": "average distortion in the paper",
            "distortion_difference": "distortion relative to the paper's, less 1",
        },
    )


def _error(name: str, rates: list[Rate], published: list[paper.Published | None]) -> dict[str, tuple[Any, ...]]:
    ends = [each.interval for each in rates]
    theirs = [(each.low, each.high) if each else (np.nan, np.nan) for each in published]
    columns = {
        name: [each.rate for each in rates],
        f"{name}_low": [low for low, _ in ends],
        f"{name}_high": [high for _, high in ends],
        f"{name}_spread": [each.spread for each in rates],
        f"{name}_n": [each.n for each in rates],
        f"{name}_misread": [float(each.count) for each in rates],
        f"{name}_paper": [each.rate if each else np.nan for each in published],
        f"{name}_paper_low": [low for low, _ in theirs],
        f"{name}_paper_high": [high for _, high in theirs],
        f"{name}_paper_n": [each.n if each else 0 for each in published],
        f"{name}_paper_printed": texts(each.printed if each else "" for each in published),
        f"{name}_overlap": np.array([overlap(*pair) for pair in zip(ends, theirs, strict=True)], np.int8),
    }
    return {key: ("model", values) for key, values in columns.items()}
