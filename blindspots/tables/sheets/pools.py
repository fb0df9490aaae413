"""The table of ways of training laid out for reading: errors beside decay alone and the paper's, then what else."""

import json

import numpy as np
import xarray as xr

from blindspots.paper.published import HARDENED_ERRORS
from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.cells import names, number, percent, rate, span

_LEVEL = 0.05
_PAPER = (
    ("decay alone", "decay", "{}% by weight decay"),
    ("dropout", "dropout", "{}% by dropout"),
    ("pool", "pools", "below {}% by pools"),
)


def pools_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the errors of all ways, the least of each kind first said in words, and their distortions and costs."""
    return [_errors(table), _others(table)]


def findings(table: xr.Dataset) -> tuple[str, ...]:
    """Return what the table says of the paper's two sentences: whether pools help, and which layer's the most."""
    rows = [table.sel(model=model) for model in names(table, "model")[1:]]
    pools = [row for row in rows if str(row["recipe"].item()).startswith("pool")]
    if not pools:
        return ()
    lower = [row for row in pools if _is_shown(row) and float(row["difference"]) < 0]
    best = min(pools, key=lambda row: float(row["error"]))
    said = (
        f"Of {len(pools)} ways with pools {len(lower)} have a lower {table.attrs['on']} error than decay alone, at "
        f"{100 * _LEVEL:g}% for all rows together. The least error of a pool is {_error(best)}%, {_name(best)}: a "
        f"difference of {_difference(best)} points."
    )
    return said, *_layers(pools)


def _told_of_hidden(table: xr.Dataset) -> tuple[str, ...]:
    """Return a sentence on what the pools of each hidden layer are, over all ways that have one."""
    told = []
    for layer in table["layer"].values[1:]:
        own = table.sel(layer=layer)
        away, reached, misread = (own[name] for name in ("out_of_reach", "reached", "nearest_misread"))
        if int(own["n"].sum()):
            told.append(
                f"of layer {layer} {percent(reached.mean())}% are reached by an image; in the mean the nearest that "
                f"was found stays {percent(away.mean())}% of the change away, and {percent(misread.mean())}% of those "
                "images are misread"
            )
    return (f"Of the activations in the pools, {', and '.join(told)}.",) if told else ()


def _layers(pools: list[xr.Dataset]) -> tuple[str, ...]:
    """Return a sentence on the least error of each kind of pool, where there are several."""
    least: dict[str, xr.Dataset] = {}
    for row in pools:
        kind = str(row["recipe"].item())
        if kind not in least or float(row["error"]) < float(least[kind]["error"]):
            least[kind] = row
    if len(least) < 2:
        return ()
    order = sorted(least.values(), key=lambda row: float(row["error"]))
    told = "; ".join(f"{row['recipe'].item()} {percent(row['error'])}% ({row['settings'].item()})" for row in order)
    return (f"The least of each kind, from the lowest on: {told}.",)


def _errors(table: xr.Dataset) -> Sheet:
    rows = []
    for model in names(table, "model"):
        row = table.sel(model=model)
        spread = 100 * float(row["error_spread"])
        rows.append(
            (
                str(row["recipe"].item()),
                str(row["settings"].item()),
                percent(row["training_error"]),
                _error(row) + ("" if np.isnan(spread) else f" ±{spread:.2f}"),
                _difference(row),
                number(row["p_holm"], 4),
                _mcnemar(row),
                _paper(str(row["recipe"].item())),
            )
        )
    on = table.attrs["on"]
    columns = (
        "way of training",
        "with",
        "training error %",
        f"{on} error %",
        "difference to decay alone",
        "p, all rows",
    )
    return Sheet(
        _title(table, f"{on} errors"),
        (*columns, "McNemar", "the paper's test error"),
        tuple(rows),
        (_note(table), *findings(table)),
    )


def _others(table: xr.Dataset) -> Sheet:
    seconds = json.loads(table.attrs["seconds"])
    rows = []
    for model, spent in zip(names(table, "model"), seconds, strict=True):
        row = table.sel(model=model)
        rows.append(
            (
                str(row["recipe"].item()),
                str(row["settings"].item()),
                number(row["distortion"], 4),
                number(row["lower_bound"], 5),
                percent(row["certified_share"]) if "certified_share" in row else "",  # not in tables drawn before
                percent(row["to_alone"]),
                percent(row["from_alone"]),
                number(row["passes"], 0),
                number(spent, 0),
            )
        )
    columns = ("way of training", "with", "least distortion", "certified", "of it %", "its set, shown to decay alone %")
    return Sheet(
        _title(table, "least distortions, transfer and cost"),
        (*columns, "decay alone's, shown to it %", "passes", "seconds"),
        tuple(rows),
        (
            "Least distortions of the first images looked at, of those read correctly, nearest class; certified: the "
            "mean of their lower bounds, and of it: what share of the distortion they are. Passes of an image forwards "
            "and backwards in a training, without the making of pools; seconds of a training by its receipt, on "
            "whatever machine it ran.",
        ),
    )


def reasons_sheets(table: xr.Dataset) -> list[Sheet]:
    """Return the block on what the pools are, a row a way and layer, and what it says of hidden layers."""
    rows = []
    for model in names(table, "model"):
        for layer in table["layer"].values:
            row = table.sel(model=model, layer=layer)
            if not int(row["n"]):
                continue
            rows.append(
                (
                    str(row["recipe"].item()),
                    str(row["settings"].item()),
                    f"{layer}" if layer else "input",
                    *(number(row[name], 3) for name in ("change", "distance")),
                    *(percent(row[name]) for name in ("out_of_reach", "reached")),
                    number(row["input_change"], 3),
                    *(percent(row[name]) for name in ("misread", "nearest_misread", "gradient")),
                )
            )
    columns = ("way of training", "with", "layer", "change", "farther than any image", "of the change %", "reached %")
    more = ("input change", "misread %", "nearest image misread %", "of the gradient %")
    note = (
        "What is in a pool at the end of a training, first 100 slots. Change: of the layer's activation, Euclidean. "
        "Farther than any image: the distance from there to the nearest activation that an image of the box was found "
        "to have, an upper bound of the least, since that search is not convex; reached: within a hundredth of the "
        "change. Input change: the least found of the image itself that leads to within a tenth of the change of the "
        "nearest, an upper bound too. Misread: the pool's activations by what follows the layer, and the nearest "
        "images by the network. Of the gradient: the norm of the pool's part over the sum of all parts'."
    )
    title = f"What the pools are; study {table.attrs['study']}, {table.attrs['dataset']}"
    return [Sheet(title, (*columns, *more), tuple(rows), (note, *_told_of_hidden(table)))]


def _title(table: xr.Dataset, what: str) -> str:
    about = table.attrs
    return (
        f"Ways of training: {what}; study {about['study']}, {about['dataset']}, {about['images']} training images, "
        f"{about['epochs']} epochs"
    )


def _note(table: xr.Dataset) -> str:
    seeds = int(table.attrs["seeds"])
    of = "images held out of the training images" if table.attrs["on"] == "held-out" else "test images"
    spread = f"Means over {seeds} seeds, ± the standard deviation over them. " if seeds > 1 else "One seed. "
    over = "seeds and images" if seeds > 1 else "images alone: it speaks of these models, not of how they were trained"
    return (
        f"Errors on {span(table['n'].values)} {of}, with Wilson's 95% interval over images. {spread}A difference, in "
        f"percentage points and pairs of a seed, has a 95% interval by a bootstrap over {over}. p: of the same, by "
        "Student's distribution where there are several seeds, adjusted for all rows together (Holm); where seeds are "
        "few it is the one to go by. McNemar: how many seeds' own exact tests are below 0.05."
        + (
            " These errors are to choose by, and those on the test images are not shown."
            if table.attrs["on"] != "test"
            else ""
        )
    )


def _mcnemar(row: xr.Dataset) -> str:
    values = np.asarray(row["mcnemar"].values)
    return "" if np.isnan(values).any() else f"{int((values < _LEVEL).sum())} of {len(values)}"


def _is_shown(row: xr.Dataset) -> bool:
    return float(row["p_holm"]) < _LEVEL


def _name(row: xr.Dataset) -> str:
    return f"{row['recipe'].item()} ({row['settings'].item()})"


def _error(row: xr.Dataset) -> str:
    return rate(row["error"], row["error_low"], row["error_high"], decimals=2)


def _difference(row: xr.Dataset) -> str:
    value, low, high = (100 * float(row[name]) for name in ("difference", "difference_low", "difference_high"))
    return "" if np.isnan(value) else f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _paper(recipe: str) -> str:
    for beginning, name, text in _PAPER:
        if recipe.startswith(beginning):
            return text.format(percent(HARDENED_ERRORS[name]))
    return ""
