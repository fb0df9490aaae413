"""The images that are hardest and easiest to have misread."""

import numpy as np
import xarray as xr

from blindspots.results.queries.answers import answer, said_of
from blindspots.results.queries.choice import Choice, chosen_classes, chosen_sets, class_names
from blindspots.results.queries.stored_set import StoredSet, among, computed
from blindspots.results.results import Results

_COLUMNS = {
    "example": "place of the image in the split of the data set",
    "label": "class in the data set",
    "predicted": "class that the model reads in the distorted image",
    "distortion": "least distortion found: root mean square",
    "distortion_low": "proved: no smaller one is enough",
    "distortion_high": "that distortion is enough",
}


def hardest(results: Results, choice: Choice) -> xr.Dataset:
    """Return the images of each set with the largest distortions, the largest first."""
    return _extremes(results, choice, largest=True)


def easiest(results: Results, choice: Choice) -> xr.Dataset:
    """Return the images of each set with the smallest distortions, the smallest first.

    Those that are misread from the start are left out: nothing has to be done to them.
    """
    return _extremes(results, choice, largest=False)


def _extremes(results: Results, choice: Choice, *, largest: bool) -> xr.Dataset:
    sets = chosen_sets(results.study, choice, of_models=True)
    kept = chosen_classes(choice, lambda: class_names(results))
    rows: dict[str, list[np.ndarray]] = {"model": [], **{name: [] for name in _COLUMNS}}
    failed = 0
    for name in sets:
        stored = StoredSet(results, name)
        right = (stored.column("clean_predicted") == stored.label) & among(stored.label, kept)
        success, size = stored.column("success"), stored.column("distortion")
        used, sizes, without = computed(right & success, size, (right & ~success).sum())
        failed += int(without)
        places = np.flatnonzero(used)
        key = -sizes[places] if largest else sizes[places]
        places = places[np.argsort(key, kind="stable")[: choice.limit]]
        names = ("example", "label", "predicted", "lower_bound", "exact")
        read = dict(zip(names, computed(*(stored.column(each)[places] for each in names)), strict=True))
        found = sizes[places]
        proved = np.fmax(np.nan_to_num(read["lower_bound"], nan=0.0), np.nan_to_num(read["exact"], nan=0.0))
        rows["model"].append(np.full(len(places), name.source))
        for column in ("example", "label", "predicted"):
            rows[column].append(read[column])
        rows["distortion"].append(found)
        rows["distortion_low"].append(np.minimum(proved, found))
        rows["distortion_high"].append(found)
    joined = {column: np.concatenate(values) for column, values in rows.items()}
    units = {column: ("pixel value",) for column in _COLUMNS if column.startswith("distortion")}
    what = "largest" if largest else "smallest"
    without = f" {failed} images for which none was found are not among them." if failed else ""
    return answer(
        "hardest" if largest else "easiest",
        f"images with the {what} least distortions: {said_of(sets, choice)}",
        {
            "model": ("image", joined["model"], "whose set the image is of"),
            **{column: ("image", joined[column], about, *units.get(column, ())) for column, about in _COLUMNS.items()},
        },
        {"image": np.arange(1, len(joined["model"]) + 1)},
        note="Of images read correctly from the start." + without,
        brackets="from what is proved to be too little to what was found to be enough",
    )
