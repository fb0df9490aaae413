"""Table 1: the models, their errors and the average least distortion of their sets."""

from typing import Any

import numpy as np
import xarray as xr

from blindspots.names import CLEAN, NO_RULE
from blindspots.study import Study
from blindspots.tables import TABLES, paper
from blindspots.tables.cells import Transfer, distortions, overlap, set_split, table_attributes

ERRORS = ("training_error", "test_error")


def table1(tree: xr.DataTree, study: Study) -> xr.Dataset:
    """Return Table 1: a row a model, errors with intervals, distortions under each rule, the paper's values.

    Distortions are averages over the images that the model read correctly from the start, with the average over all
    beside them (slip 13). The paper's are those of a random target (slip 3).
    """
    models, rules = [spec.name for spec in study.models], list(study.sets.rules)
    transfer = Transfer(tree, study)
    columns: dict[str, tuple[Any, ...]] = {
        "paper_name": ("model", np.array([spec.paper for spec in study.models], dtype=np.dtypes.StringDType())),
    }
    for index, (name, split) in enumerate(zip(ERRORS, ("train", "test"), strict=True)):
        rates = [transfer.rate(CLEAN, model, split=split, rule=NO_RULE) for model in models]
        published = [paper.errors(model) if paper.knows(study, model) else None for model in models]
        ends = [each.interval for each in rates]
        theirs = [each[index] if each else None for each in published]
        columns |= {
            name: ("model", [each.rate for each in rates]),
            f"{name}_low": ("model", [low for low, _ in ends]),
            f"{name}_high": ("model", [high for _, high in ends]),
            f"{name}_n": ("model", [each.n for each in rates]),
            f"{name}_misread": ("model", [each.misread for each in rates]),
            f"{name}_paper": ("model", [each.rate if each else np.nan for each in theirs]),
            f"{name}_paper_low": ("model", [each.low if each else np.nan for each in theirs]),
            f"{name}_paper_high": ("model", [each.high if each else np.nan for each in theirs]),
            f"{name}_overlap": (
                "model",
                np.array(
                    [
                        overlap(*end, each.low, each.high) if each else -1
                        for end, each in zip(ends, theirs, strict=True)
                    ],
                    np.int8,
                ),
            ),
        }
    found = [
        [distortions(tree, model, split=set_split(study), rule=rule, seeds=study.seeds) for rule in rules]
        for model in models
    ]
    for field, name in {
        "mean": "distortion",
        "low": "distortion_low",
        "high": "distortion_high",
        "n": "distortion_n",
        "mean_all": "distortion_all",
        "success": "success",
        "to_exact": "to_exact",
        "lower_bound": "lower_bound",
        "survives": "survives_eight_bits",
    }.items():
        columns[name] = (("model", "rule"), [[getattr(each, field) for each in row] for row in found])
    theirs_d = [paper.DISTORTION.get(model, np.nan) if paper.knows(study, model) else np.nan for model in models]
    columns["distortion_paper"] = ("model", theirs_d)
    table = xr.Dataset(
        columns,
        coords={
            "model": np.array(models, dtype=np.dtypes.StringDType()),
            "rule": np.array(rules, dtype=np.dtypes.StringDType()),
        },
        attrs=table_attributes(1, TABLES[1], study),
    )
    for name, text in {
        "distortion": "mean distortion over images read correctly from the start",
        "distortion_all": "mean distortion over all images",
        "distortion_paper": "average distortion in the paper",
        "to_exact": "mean ratio of the distortion to the exact minimum (linear models)",
        "lower_bound": "mean certified lower bound of the distortion",
        "survives_eight_bits": "share of the successes that are left when rounded to 8 bits a value",
        "success": "share of images for which the search succeeded",
        "training_error": "share of the model's training images that it misreads",
        "test_error": "share of the test images that the model misreads",
    }.items():
        table[name].attrs |= {"long_name": text, "units": "pixel value" if "distortion" in text[:20] else "1"}
    return table
