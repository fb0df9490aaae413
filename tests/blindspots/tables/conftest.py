"""A store's DataTree written by hand, every cell of it with a count of its own, so that a wrong cell is a wrong number.

Also the cells that no store has are filled, those of other splits, rules, variants and seeds: reading one of them by
mistake gives a wrong number instead of an error.
"""

from itertools import product
from zlib import crc32

import numpy as np
import pytest
import xarray as xr

from blindspots.study.file import validate_study
from blindspots.study.study import Study

ON_ALL = ("fc10-1e-4", "fc100-100-10", "fc100-100-10-1")
ON_HALVES = ("fc100-100-10-p1", "fc123-456-10-p1", "fc100-100-10-p2")
NOISE = ("noise-0.06", "noise-0.06-clipped", "noise-0.1", "noise-0.1-clipped")
SOURCES = (*ON_ALL, *ON_HALVES, "clean", *NOISE)
SPLITS = ("train", "p1", "p2", "test")
RULES = ("none", "nearest", "random")
VARIANTS = ("plain", "amplified", "amplified-clipped", "amplified-in-box")
N = {"none": 3000, "nearest": 2000, "random": 1500}
"""Images in a set: they differ by rule."""
DIMS = ("source", "target", "seed", "split", "rule", "variant")
DECAY = [1e-5, 1e-5, 1e-6]

_MODELS = [
    {"name": "fc10-1e-4", "paper": "FC10(1e-4)", "decay": [1e-4]},
    {"name": "fc100-100-10", "paper": "FC100-100-10", "hidden": [100, 100], "decay": DECAY},
    {"name": "fc100-100-10-1", "hidden": [100, 100], "decay": DECAY, "initial": 1},
    {"name": "fc100-100-10-p1", "paper": "FC100-100-10 on P1", "hidden": [100, 100], "decay": DECAY, "split": "p1"},
    {"name": "fc123-456-10-p1", "paper": "FC123-456-10 on P1", "hidden": [123, 456], "decay": DECAY, "split": "p1"},
    {"name": "fc100-100-10-p2", "paper": "FC100-100-10' on P2", "hidden": [100, 100], "decay": DECAY, "split": "p2"},
]


def changed(**fields: object) -> Study:
    """The study of the store, with other fields."""
    return validate_study({"name": "by-hand", "models": _MODELS, "sets": {"noise": [0.06, 0.1]}, **fields})


@pytest.fixture
def study() -> Study:
    return changed()


def count(name: str, *cell: str | int, n: int) -> int:
    """The count called ``name`` that the store holds for a cell (source, target, seed, split, rule, variant)."""
    return crc32("/".join(map(str, (name, *cell))).encode()) % (n - 1) + 1


def misread(source: str, target: str, split: str, rule: str, seed: int = 0, variant: str = "plain") -> int:
    return count("misread", source, target, seed, split, rule, variant, n=N[rule])


def as_target(source: str, target: str, split: str, rule: str, seed: int = 0, variant: str = "plain") -> int:
    return count("as_target", source, target, seed, split, rule, variant, n=N[rule])


def clean(source: str, target: str, split: str, rule: str, seed: int = 0, variant: str = "plain") -> int:
    return count("clean_misread", source, target, seed, split, rule, variant, n=N[rule])


def as_shown(source: str, target: str, split: str, rule: str, seed: int = 0, variant: str = "plain") -> float:
    return count("distortion", source, target, seed, split, rule, variant, n=10**6) / 10**6


def store(seeds: int = 1) -> xr.DataTree:
    targets = (*ON_ALL, *ON_HALVES)
    coordinates = dict(zip(DIMS, (SOURCES, targets, tuple(range(seeds)), SPLITS, RULES, VARIANTS), strict=True))
    shape = tuple(map(len, coordinates.values()))
    counts = {name: np.zeros(shape, np.int64) for name in ("n", "misread", "as_target", "clean_misread")}
    distortion = np.zeros(shape)
    for at, cell in zip(np.ndindex(shape), product(*coordinates.values()), strict=True):
        source, target, seed, split, rule, variant = cell
        counts["n"][at] = N[rule]
        for name, of_cell in (("misread", misread), ("as_target", as_target), ("clean_misread", clean)):
            counts[name][at] = of_cell(source, target, split, rule, seed, variant)
        distortion[at] = as_shown(source, target, split, rule, seed, variant)
    arrays = {**counts, "distortion": distortion}
    groups = {
        "transfer": xr.Dataset(
            {name: (DIMS, values) for name, values in arrays.items()},
            {name: list(values) for name, values in coordinates.items()},
        )
    }
    for model, seed, split, rule in product(targets, range(seeds), ("train", "test"), ("nearest", "random")):
        groups[f"sets/{model}/seed-{seed}/{split}/{rule}"] = adversarial_set(model, rule, split, seed)
    for split, name in product(("train", "test"), NOISE):
        values = noise_distortion(name, split)
        groups[f"references/{split}/{name}"] = xr.Dataset({"distortion": ("example", [values, values])})
    return xr.DataTree.from_dict(groups)


def noise_distortion(name: str, split: str) -> float:
    return 0.05 + 0.01 * NOISE.index(name) + 0.001 * ("train", "test").index(split)


def size(model: str, rule: str, split: str, seed: int = 0) -> float:
    """The distortion that those of a set are multiples of."""
    place = (*ON_ALL, *ON_HALVES).index(model)
    return (0.02 if rule == "nearest" else 0.05) + 0.001 * place + 0.0003 * (split == "test") + 0.01 * seed**2


def adversarial_set(model: str, rule: str, split: str, seed: int) -> xr.Dataset:
    """Five images of 2 x 8 values: the first misread from the start, the last a failure, between them 1, 1, 2 sizes."""
    distortion = size(model, rule, split, seed) * np.array([0.5 * (rule == "random"), 1, 1, 2, 0])
    perturbation = np.zeros((5, 1, 2, 8), np.float64)
    perturbation[:, :, :, ::2] = 2**0.5  # a root mean square of 1, an L2 norm of 4
    exact = np.full(5, np.nan)
    if model == "fc10-1e-4":
        with np.errstate(divide="ignore", invalid="ignore"):
            exact = distortion / np.array([9, 1.25, 1, 1.5, 9])
    return xr.Dataset(
        {
            "perturbation": (
                ("example", "channel", "height", "width"),
                perturbation * distortion[:, None, None, None],
            ),
            "distortion": ("example", distortion),
            "label": ("example", np.array([3, 1, 4, 1, 5], np.int16)),
            "clean_predicted": ("example", np.array([5, 1, 4, 1, 5], np.int16)),
            "success": ("example", np.array([True, True, True, True, False])),
            "survives_eight_bits": ("example", np.array([True, rule == "random", True, rule == "random", False])),
            "exact": ("example", exact),
            "lower_bound": ("example", np.array([9.0, 0.01, 0.01, 0.02, 0.04])),
        }
    )


_STORES: dict[int, xr.DataTree] = {}


@pytest.fixture
def tree() -> xr.DataTree:
    return stored(1)


def stored(seeds: int) -> xr.DataTree:
    """A copy of the store with so many seeds."""
    if seeds not in _STORES:
        _STORES[seeds] = store(seeds)
    return _STORES[seeds].copy(deep=True)


def put(tree: xr.DataTree, values: dict[str, int], **cell: str | int) -> None:
    """Write counts into the cells of ``transfer`` that are named."""
    transfer = tree["transfer"].to_dataset()
    for name, value in values.items():
        transfer[name].loc[cell] = value
    tree["transfer"] = xr.DataTree(transfer)
