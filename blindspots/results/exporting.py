"""A stored set as files for other programs: columns, originals and distorted images, or previews to look at."""

import io
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import xarray as xr

from blindspots.errors import InputError
from blindspots.results.queries.choice import SetName
from blindspots.results.queries.stored_set import blocks, computed
from blindspots.results.results import Results
from blindspots.store import layout

ARRAYS, PARQUET, CSV, PREVIEWS = ".npz", ".parquet", ".csv", ""
"""The kinds of export by suffix; one without is a folder of PNG files."""
USUAL = 1000
"""Images that are exported where pixels are, unless one says."""


def check_kind(suffix: str) -> None:
    """Raise :class:`InputError` for a kind of file that there is not, or that needs a library that is not there."""
    if suffix not in (ARRAYS, PARQUET, CSV, PREVIEWS):
        raise InputError(
            f"no set is exported as {suffix}; take {ARRAYS}, {PARQUET} or {CSV}, or a folder without a suffix for "
            "previews"
        )
    if suffix == PARQUET and find_spec("pyarrow") is None:
        raise InputError("a Parquet file needs PyArrow: pip install 'blindspots[parquet]'")


def exported_files(
    results: Results, name: SetName, suffix: str, *, limit: int | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an exported set, each with its name: empty where there is one alone.

    ``limit``: the most images; None for all, or for the first :data:`USUAL` where pixels are exported. Raises
    :class:`InputError` as :func:`check_kind` does, and where the store lacks the set.
    """
    check_kind(suffix)
    most = USUAL if limit is None and suffix in (ARRAYS, PREVIEWS) else limit
    columns = set_columns(results, name, most)
    if suffix in (PARQUET, CSV):
        frame = columns.to_dataframe()
        yield "", bytes(frame.to_parquet(index=False) if suffix == PARQUET else frame.to_csv(index=False).encode())
        return
    original, distorted = set_images(results, name, columns.sizes["image"])
    if suffix == ARRAYS:
        content = io.BytesIO()
        arrays: dict[str, Any] = {str(each): array.values for each, array in columns.data_vars.items()}
        np.savez_compressed(content, **{"original": original, "distorted": distorted, **arrays})
        yield "", content.getvalue()
        return
    for example, label, image in zip(columns["example"].values, columns["label"].values, distorted, strict=True):
        yield f"{example}-class-{label}-preview.png", _preview(image)


def set_columns(results: Results, name: SetName, limit: int | None = None) -> xr.Dataset:
    """Return the columns of the first ``limit`` images of a set, all by default: whatever is one number an image.

    With the class that each model reads in the image as it is shown plainly, ``read_by_<model>``.
    """
    held = results.find(name.group)
    columns = {
        str(each): results.column(name.group, str(each))
        for each, array in ({} if held is None else held.variables).items()
        if array.dims == ("example",)
    }
    read = results.find(name.predictions)
    for spec in results.study.models:
        array = layout.prediction("plain", spec.name)
        if read is not None and array in read:
            columns[f"read_by_{spec.name}"] = results.column(name.predictions, array)
    if not columns:
        results.group(name.group)
    values = computed(*(blocks(column[:limit].variable) for column in columns.values()))
    return xr.Dataset(
        {
            each: ("image", array, dict(column.attrs))
            for (each, column), array in zip(columns.items(), values, strict=True)
        },
        attrs={"set": name.group, "study": results.study.name},
    )


def set_images(results: Results, name: SetName, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the originals and the distorted images of the first ``limit`` of a set: (n, channels, height, width).

    float32, in [0, 1] but for noise that is not clipped; distorted as ``original + perturbation``, which is what models
    were shown.
    """
    ids = results.column(name.group, "example")[:limit].values
    original = results.dataset.images(name.split, ids).numpy()
    return original, original + results.column(name.group, "perturbation")[:limit].values


def _preview(image: np.ndarray) -> bytes:
    """Return an image (channels, height, width) as a PNG file that says what it is."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    pixels = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
    shown = np.moveaxis(pixels, 0, -1) if len(pixels) == 3 else pixels.mean(axis=0).round().astype(np.uint8)
    about = PngInfo()
    about.add_text("Comment", "preview: rounded to 8 bits a value, and no longer what the models were shown")
    content = io.BytesIO()
    Image.fromarray(shown).save(content, "png", pnginfo=about)
    return content.getvalue()
