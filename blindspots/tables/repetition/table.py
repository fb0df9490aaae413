"""The verdict by repetition: could what the paper prints be one more training of ours?"""

from functools import partial

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.paper.published import printed_range
from blindspots.results.results import Results
from blindspots.tables.agreement import KINDS
from blindspots.tables.repetition.cells import misread_images, paper_cells, rates_by_seed
from blindspots.tables.repetition.one_more import CENTRAL
from blindspots.tables.repetition.papers import DRAWS, agreeing_papers
from blindspots.tables.rows import common_attributes, describe, texts

_LONG_NAMES = {
    "rate": "share of images that are misread, mean over trainings",
    "spread": "standard deviation of that share over trainings",
    "low": "lower end of the central 95% of what one more training would print",
    "high": "upper end of it",
    "resampled_low": "lower end of the same by the bootstrap over trainings and images",
    "resampled_high": "upper end of the same by the bootstrap over trainings and images",
    "paper": "the paper's share as printed",
    "paper_n": "images that the paper counts",
    "drawn": "1: the paper's images are drawn, 0: all of a split that we have too",
    "chance": "how likely one more training prints a value as far out as the paper's",
    "agrees": "1: the printed value lies within the central 95%, 0: outside",
    "resampled_agrees": "the same by the bootstrap",
    "calibration": "share of held-out trainings of ours, printed the paper's way, that agree with the others",
}


def repetition_table(results: Results) -> xr.Dataset:
    """Return along ``cell`` every cell of the paper's Tables 1 to 4, and what one more training of ours would print.

    ``agreeing`` of ``total`` cells hold what the paper prints; ``expected`` of them would if the paper's networks were
    trainings of ours, and ``p_value`` is how often no more would (see :mod:`blindspots.tables.repetition.papers`).
    Raises :class:`InputError` where the store lacks something.
    """
    study = results.study
    cells = sorted(paper_cells(study), key=lambda cell: (cell.table, KINDS.index(cell.kind)))
    if not cells:
        raise InputError("the study has no model of the paper's Tables 1 to 4")
    rates = rates_by_seed(results, cells)
    ours = [cell.one_more(rates[:, at]) for at, cell in enumerate(cells)]
    printed = [printed_range(cell.published.printed) for cell in cells]
    agrees = np.array([each.holds(value) for each, value in zip(ours, printed, strict=True)])
    resampled = np.array([each.resampled() for each in ours])
    at_ends = np.array(printed)
    papers = agreeing_papers(cells, rates, partial(misread_images, results), seed=study.seed)
    as_few = int((papers.sum(axis=1) <= agrees.sum()).sum())
    values = {
        "table": np.array([cell.table for cell in cells]),
        "kind": texts(cell.kind for cell in cells),
        "text": texts(cell.text for cell in cells),
        "rate": rates.mean(axis=0),
        "spread": rates.std(axis=0, ddof=1),
        "low": np.array([each.interval[0] for each in ours]),
        "high": np.array([each.interval[1] for each in ours]),
        "resampled_low": resampled[:, 0],
        "resampled_high": resampled[:, 1],
        "paper": np.array([cell.published.rate for cell in cells]),
        "paper_printed": texts(cell.published.printed for cell in cells),
        "paper_n": np.array([cell.published.n for cell in cells]),
        "drawn": np.array([cell.drawn for cell in cells], np.int8),
        "chance": np.array([each.chance(value) for each, value in zip(ours, printed, strict=True)]),
        "agrees": agrees.astype(np.int8),
        "resampled_agrees": (
            (at_ends[:, 0] <= resampled[:, 1] + 1e-9) & (resampled[:, 0] - 1e-9 <= at_ends[:, 1])
        ).astype(np.int8),
        "calibration": papers.mean(axis=0),
    }
    table = xr.Dataset(
        {name: ("cell", array) for name, array in values.items()},
        coords={"cell": texts(cell.name for cell in cells)},
        attrs={
            **common_attributes("repetition", study),
            "central": CENTRAL,
            "agreeing": int(agrees.sum()),
            "total": len(cells),
            "expected": float(papers.sum(axis=1).mean()),
            "p_value": (1 + as_few) / (1 + len(papers)),
            "papers": len(papers),
            "draws": DRAWS,
        },
    )
    return describe(table, _LONG_NAMES)
