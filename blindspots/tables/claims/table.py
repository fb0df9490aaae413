"""The text's own claims of section 4.2, a row each, with a number; and the table laid out for reading."""

from dataclasses import fields

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.results.results import Results
from blindspots.tables.claims.claim import Claim, claims, rule_of
from blindspots.tables.rows import common_attributes, describe, texts
from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import percent, rate

_LONG_NAMES = {
    "value": "share of the images, mean over seeds and networks",
    "low": "lower end of its Wilson 95% interval, over the images of one set",
    "high": "upper end of its Wilson 95% interval, over the images of one set",
    "n": "images of one set",
    "beside": "what it is held against; NaN where it stands alone",
    "holds": "1: the claim holds by the interval, 0: it does not",
}


def claims_table(results: Results) -> xr.Dataset:
    """Return along ``claim`` what the text says, what was measured and whether it holds.

    Raises :class:`InputError` where the study has nothing that a claim is of, or the store lacks something.
    """
    found = list(claims(results))
    if not found:
        raise InputError("the study has no networks that a claim of the paper's is of")
    columns = {each.name: [getattr(claim, each.name) for claim in found] for each in fields(Claim)}
    table = xr.Dataset(
        {
            name: ("claim", texts(values) if isinstance(values[0], str) else np.array(values))
            for name, values in columns.items()
        },
        attrs={**common_attributes("claims", results.study), "rule": rule_of(results.study)},
    )
    table["holds"] = table["holds"].astype(np.int8)
    return describe(table, _LONG_NAMES)


def claims_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the one block, in percent."""
    rows = tuple(_row(table.isel(claim=at)) for at in range(table.sizes["claim"]))
    about, holds = table.attrs, table["holds"].values
    columns = ("the paper says", "measured", "ours", "beside", "what that is", "holds")
    title = f"The text's claims of section 4.2, in %; study {about['study']}, {about['dataset']}"
    said = [f"sets of the rule {about['rule']}"] if "rule" in about else []  # not in tables drawn before
    said += [f"means over {about['seeds']} seeds"] if about["seeds"] > 1 else []
    of_sets = f"{'; '.join(said).capitalize()}. " if said else ""
    notes = f"{of_sets}Wilson 95% intervals, over the images of one set. {int(holds.sum())} of {len(holds)} hold."
    return [Sheet(title, columns, rows, (notes,))]


def _row(claim: xr.Dataset) -> tuple[str, ...]:
    return (
        str(claim["text"].item()),
        str(claim["measured"].item()),
        rate(claim["value"], claim["low"], claim["high"], decimals=_decimals(float(claim["value"]))),
        percent(claim["beside"]),
        str(claim["beside_what"].item()),
        "yes" if int(claim["holds"]) else "no",
    )


def _decimals(share: float) -> int:
    """Return how many decimals of percent tell a share from 0 and 1, where it is neither."""
    return 4 if 0 < min(share, 1 - share) < 5e-4 else 1
