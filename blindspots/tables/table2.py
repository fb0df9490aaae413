"""Table 2: every set shown to every model."""

from typing import Any

import numpy as np
import xarray as xr

from blindspots.names import NO_RULE, noise_name
from blindspots.study import Study
from blindspots.tables import TABLES, paper
from blindspots.tables.cells import Transfer, distortions, overlap, set_split, table_attributes


def table2(tree: xr.DataTree, study: Study) -> xr.Dataset:
    """Return Table 2 under each rule: rates (rule, source, target) with intervals, the paper's beside them.

    The rows of noise are the same under every rule: as drawn, which is the paper's reading, and clipped to [0, 1]
    (slip 6). Rates are over all images, with the error on the same images without a perturbation beside them.
    """
    models, rules, split = [spec.name for spec in study.models], list(study.sets.rules), set_split(study)
    noise = [noise_name(stddev, clip) for stddev in study.sets.noise for clip in (False, True)]
    sources = models + noise
    shape = (len(rules), len(sources), len(models))
    transfer = Transfer(tree, study)
    values: dict[str, np.ndarray] = {
        **{
            name: np.full(shape, np.nan)
            for name in ("rate", "low", "high", "paper", "paper_low", "paper_high", "clean")
        },
        **{name: np.zeros(shape, np.int64) for name in ("n", "misread")},
        "overlap": np.full(shape, -1, np.int8),
    }
    of_sources: dict[str, np.ndarray] = {
        name: np.full(shape[:2], np.nan) for name in ("distortion", "distortion_all", "distortion_paper", "success")
    }
    for i, rule in enumerate(rules):
        for j, source in enumerate(sources):
            used = rule if source in models else NO_RULE
            found = distortions(tree, source, split=split, rule=used, seeds=study.seeds)
            theirs = paper.DISTORTION.get(source, np.nan) if paper.knows(study, source) else np.nan
            row = {
                "distortion": found.mean,
                "distortion_all": found.mean_all,
                "distortion_paper": theirs,
                "success": found.success,
            }
            for name, value in row.items():
                of_sources[name][i, j] = value
            for k, target in enumerate(models):
                cell = transfer.rate(source, target, split=split, rule=used)
                known = paper.knows(study, source) and paper.knows(study, target)
                published = paper.transfer(source, target) if known else None
                low, high = cell.interval
                numbers: dict[str, Any] = {
                    "rate": cell.rate,
                    "low": low,
                    "high": high,
                    "n": cell.n,
                    "misread": cell.misread,
                    "clean": cell.clean_misread / cell.n,
                }
                if published is not None:
                    numbers |= {"paper": published.rate, "paper_low": published.low, "paper_high": published.high}
                    numbers["overlap"] = overlap(low, high, published.low, published.high)
                for name, value in numbers.items():
                    values[name][i, j, k] = value
    dims = ("rule", "source", "target")
    table = xr.Dataset(
        {
            **{name: (dims, array) for name, array in values.items()},
            **{name: (dims[:2], array) for name, array in of_sources.items()},
        },
        coords={
            "rule": np.array(rules, dtype=np.dtypes.StringDType()),
            "source": np.array(sources, dtype=np.dtypes.StringDType()),
            "target": np.array(models, dtype=np.dtypes.StringDType()),
        },
        attrs=table_attributes(2, TABLES[2], study),
    )
    for name, text in {
        "rate": "error rate of the target on the source's set",
        "low": "lower end of the Wilson 95% interval",
        "high": "upper end of the Wilson 95% interval",
        "clean": "error rate of the target on the same images without a perturbation",
        "paper": "error rate in the paper",
        "paper_low": "lower end of the paper's interval, out of 256 images",
        "paper_high": "upper end of the paper's interval, out of 256 images",
        "overlap": "1: the intervals overlap, 0: they do not, -1: no such cell in the paper",
        "distortion": "mean distortion of the set over images read correctly from the start",
        "distortion_all": "mean distortion of the set over all images",
        "success": "share of images for which the search succeeded",
    }.items():
        table[name].attrs |= {"long_name": text, "units": "pixel value" if "distortion" in name else "1"}
    return table
