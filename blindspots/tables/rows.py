"""What the tables are about: which of a study's models are in which, and the names and attributes that they carry."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from blindspots.names import noise_name
from blindspots.paper import published as paper
from blindspots.study.model_spec import HALVES, ModelSpec
from blindspots.study.study import Study
from blindspots.tables.distortions import set_split
from blindspots.tables.registry import TABLES


def models_of(number: int, study: Study) -> tuple[ModelSpec, ...]:
    """Return the models of table ``number``: in 1 and 2 those trained on all training images, else on a half."""
    return tuple(spec for spec in study.models if (spec.split in HALVES) == (number in (3, 4)))


def noise_of(study: Study) -> dict[str, str]:
    """Return the study's sets of noise by name, each as drawn and clipped, with how a reader calls them."""
    return {
        noise_name(stddev, clip): f"noise {stddev:g}" + (", clipped" if clip else "")
        for stddev in study.sets.noise
        for clip in (False, True)
    }


def reader_name(spec: ModelSpec) -> str:
    """Return what a reader calls a model: as the paper does, where it has it."""
    return spec.paper or spec.name


def distorted_split(number: int, study: Study) -> str:
    """Return the split whose sets table ``number`` is drawn from."""
    return set_split(study, models_of(number, study)[0])


def on_the_papers_images(number: int, study: Study) -> bool:
    """Tell whether table ``number`` distorts the split that the paper does, so that its sets can be held against it."""
    return distorted_split(number, study) == paper.SET_SPLIT[number]


def texts(values: Iterable[str]) -> np.ndarray:
    """Return strings as an array that a store takes."""
    return np.array(list(values), dtype=np.dtypes.StringDType())


def table_attributes(number: int, study: Study) -> dict[str, Any]:
    """Return the attributes that each of the paper's tables carries."""
    return {
        **common_attributes(str(number), study),
        "table": number,
        "split": distorted_split(number, study),
        "papers_split": paper.SET_SPLIT[number],
        "amplified_to": study.sets.amplified_to,
    }


def common_attributes(name: str, study: Study) -> dict[str, Any]:
    """Return the attributes that every table of a study carries, whatever else it says."""
    return {
        "table": name,
        "title": TABLES[name].title,
        "study": study.name,
        "dataset": study.dataset_name,
        "seeds": study.seeds,
        "source": "https://arxiv.org/abs/1312.6199",
    }


def describe(table: xr.Dataset, long_names: Mapping[str, str]) -> xr.Dataset:
    """Give the variables of ``table`` their long names and units, in place, and return it."""
    for name, text in long_names.items():
        in_pixels = "distortion" in name.split("_") or name == "lower_bound"
        units = "pixel value" if in_pixels and not name.endswith(("_n", "_difference")) else "1"
        table[name].attrs |= {"long_name": text, "units": units}
    return table
