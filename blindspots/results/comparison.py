"""Two studies side by side: what was asked of each, and how far their errors, distortions and transfer differ."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from blindspots.intervals import NORMAL_95, newcombe, newcombe_paired
from blindspots.names import CLEAN
from blindspots.results.pairing import Counts, Pairs
from blindspots.results.queries.answers import answer
from blindspots.results.queries.choice import SetName
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.study import Study

_LONGEST = 60


def changed_fields(one: Study, other: Study) -> list[tuple[str, str, str]]:
    """Return the fields in which two studies differ, with both values; models go by their names."""
    left, right = (dict(_fields(study.model_dump(mode="json"))) for study in (one, other))
    names = [*left, *(name for name in right if name not in left)]
    return [
        (name, _text(left.get(name)), _text(right.get(name))) for name in names if left.get(name) != right.get(name)
    ]


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, list) and value and all(isinstance(each, dict) and "name" in each for each in value):
        value = {each["name"]: {key: part for key, part in each.items() if key != "name"} for each in value}
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _fields(part, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _text(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def rate_differences(one: Results, other: Results, *, clean: bool, limit: int | None = None) -> xr.Dataset:
    """Return error rates that both studies have, and their differences, seed 0 of each; the largest first.

    ``clean``: those of images as they are, or else of all other sets as they are shown plainly. Where both have stored
    what was read, and some images are in both sets, the rates are of those, and the interval of the difference is of
    their pairs; elsewhere it is Newcombe's for independent images.
    """
    cells: list[dict[str, Any]] = []
    left, right, pairs = _rates(one, clean), _rates(other, clean), Pairs(one, other)
    for cell, (count, n) in left.items():
        if cell in right:
            source, target, split, rule = cell
            rates = _paired(pairs.counts(SetName(source, 0, split, rule), target)) or _apart((count, n), right[cell])
            cells.append({"source": source, "target": target, "split": split, "rule": rule, **rates})
    cells.sort(key=lambda each: -abs(each["difference"]))
    told = sum(each["low"] > 0 or each["high"] < 0 for each in cells)
    paired = sum(each["paired"] for each in cells)
    apart = "" if paired == len(cells) else f" {len(cells) - paired} are not of pairs: as of independent images."
    return _differences(
        "errors" if clean else "transfer",
        "errors on images as they are" if clean else "error rates of sets shown to models",
        cells[:limit],
        note=f"{told} of {len(cells)} intervals do not hold 0.{apart}",
        paired=True,
    )


def _paired(counts: Counts | None) -> dict[str, Any] | None:
    """Return two rates of the same images, with the interval of their difference; None where there are none."""
    if counts is None:
        return None
    low, high = newcombe_paired(counts.both, counts.second, counts.first, counts.neither)
    first, second = (counts.both + counts.first) / counts.n, (counts.both + counts.second) / counts.n
    difference = (counts.second - counts.first) / counts.n
    found = {"n": counts.n, "first": first, "second": second, "difference": difference}
    return {**found, "low": low, "high": high, "paired": 1}


def _apart(first: tuple[int, int], second: tuple[int, int]) -> dict[str, Any]:
    """Return two rates, misread of all, with the interval of their difference as if of independent images."""
    low, high = newcombe(*second, *first)
    rate, other = first[0] / first[1], second[0] / second[1]
    found = {"n": first[1], "first": rate, "second": other, "difference": other - rate}
    return {**found, "low": low, "high": high, "paired": 0}


def _rates(results: Results, clean: bool) -> dict[tuple[str, ...], tuple[int, int]]:
    """Return misread images and all, of each cell that has some, by source, target, split and rule."""
    table = results.group(layout.TRANSFER)[["n", "misread"]].sel(seed=0, variant="plain")
    order = ("source", "target", "split", "rule")
    names = [[str(value) for value in table[dim].values] for dim in order]
    n, misread = (table[name].transpose(*order).values for name in ("n", "misread"))
    return {
        tuple(axis[place] for axis, place in zip(names, at, strict=True)): (int(misread[at]), int(n[at]))
        for at in np.ndindex(n.shape)
        if n[at] and (names[0][at[0]] == CLEAN) == clean
    }


def distortion_differences(one: Results, other: Results) -> xr.Dataset:
    """Return the mean distortions of the sets that both studies have, and their differences.

    Over the images that both models read correctly from the start and for which both searches succeeded, in pairs
    where both sets are of the same data: then the interval is of the mean of the images' differences.
    """
    cells = []
    for spec in one.study.models:
        if spec.name not in [each.name for each in other.study.models]:
            continue
        for split in one.study.splits(spec):
            for rule in one.study.sets.rules:
                group = layout.adversarial_set(spec.name, 0, split, rule)
                left, right = one.find(group), other.find(group)
                if left is not None and right is not None:
                    cells.append(
                        {"source": spec.name, "target": "", "split": split, "rule": rule, **_mean(left, right)}
                    )
    cells.sort(key=lambda each: -abs(each["difference"]))
    return _differences("distortions", "mean least distortions", cells, units="pixel value")


def _mean(left: xr.Dataset, right: xr.Dataset) -> dict[str, Any]:
    used = [
        (found["clean_predicted"].values == found["label"].values) & found["success"].values for found in (left, right)
    ]
    sizes = [found["distortion"].values for found in (left, right)]
    if left.attrs["dataset_sha256"] == right.attrs["dataset_sha256"]:
        _, here, there = np.intersect1d(left["example"].values, right["example"].values, return_indices=True)
        both = used[0][here] & used[1][there]
        first, second = sizes[0][here][both], sizes[1][there][both]
        error = _error(second - first)
    else:
        first, second = (size[which] for size, which in zip(sizes, used, strict=True))
        error = float(np.hypot(_error(first), _error(second)))
    means = [float(each.mean()) if len(each) else np.nan for each in (first, second)]
    difference = means[1] - means[0]
    return {
        "n": len(first),
        "first": means[0],
        "second": means[1],
        "difference": difference,
        "low": difference - NORMAL_95 * error,
        "high": difference + NORMAL_95 * error,
    }


def _error(values: np.ndarray) -> float:
    """Return the standard error of the mean."""
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else np.nan


def _differences(
    question: str,
    title: str,
    cells: list[dict[str, Any]],
    *,
    note: str = "",
    units: str = "1",
    paired: bool = False,
) -> xr.Dataset:
    def column(name: str) -> list[Any]:
        return [each[name] for each in cells]

    what = {"source": "whose set", "target": "the model that reads it", "split": "of the set", "rule": "of the set"}
    kept = {name: about for name, about in what.items() if len(set(column(name))) > 1 or name == "source"}
    return answer(
        f"diff {question}",
        title,
        {
            **{name: ("image", column(name), about) for name, about in kept.items()},
            "n": ("image", column("n"), "images of both where they are the same, of the first elsewhere"),
            "first": ("image", column("first"), "in the first study", units),
            "second": ("image", column("second"), "in the second", units),
            "difference": ("image", column("difference"), "second less first", units),
            "difference_low": ("image", column("low"), "lower end of its 95% interval", units),
            "difference_high": ("image", column("high"), "upper end of its 95% interval", units),
            **(
                {"paired": ("image", column("paired"), "1: of pairs of the same images; 0: as of others")}
                if paired
                else {}
            ),
        },
        {"image": np.arange(1, len(cells) + 1)},
        note=note,
    )
