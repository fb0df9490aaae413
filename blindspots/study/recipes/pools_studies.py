"""The studies of adversarial pools: one that chooses on images held out, and one that tests what was chosen.

FC100-100-10 on MNIST. The first trains on 50 000 images and looks at the other 10 000; the second trains a few recipes
on all of them, longer and from seeds that nobody chose by, and looks at the test images once.
"""

from itertools import product
from typing import Any

from blindspots.study.bounds_spec import BoundsSpec
from blindspots.study.model_spec import ModelSpec
from blindspots.study.sets_spec import NegativesSpec, SetsSpec
from blindspots.study.study import Study
from blindspots.study.training_spec import AdamSpec, TrainingSpec

_DECAY = (3e-5, 3e-5, 3e-6)
_PLACES: dict[str, dict[str, Any]] = {
    "input": {"layers": (0,)},
    "layer1": {"layers": (1,)},
    "layer2": {"layers": (2,)},
    "together": {"layers": (0, 1, 2)},
    "alternating": {"layers": (0, 1, 2), "turns": "alternating"},
}
_REACHES = (*(("fixed", reach) for reach in (0.4, 0.75, 1.5)), *(("share", reach) for reach in (0.3, 0.6, 1.0)))
_WEIGHTS = (0.2, 0.5, 0.8)
_TRAINS = {"": "all", "-above": "above"}


def _model(name: str, **fields: Any) -> ModelSpec:
    hardened: dict[str, Any] = {} if {"pools", "hardening"} & fields.keys() else {"hardening": {}}
    return ModelSpec.model_validate({"name": name, "hidden": (100, 100), "decay": _DECAY, **hardened, **fields})


def _pools(place: str, form: str, reach: float, weight: float, trains: str) -> ModelSpec:
    fields = {"reach_form": form, "reach": reach, "weight": weight, "trains": _TRAINS[trains], **_PLACES[place]}
    return _model(f"{place}-{form}{reach:g}-w{weight:g}{trains}", pools=fields)


def _in_rounds(place: str, form: str, reach: float, trains: str) -> ModelSpec:
    """Return a way with pools that L-BFGS trains, as it did the paper's networks."""
    spec = _pools(place, form, reach, 0.5, trains)
    pools = {**spec.model_dump()["pools"], "lbfgs": {"rounds": 20, "iterations": 10}}
    return _model(f"{spec.name}-lbfgs", decay=(1e-5, 1e-5, 1e-6), pools=pools)


def _linear(place: str) -> ModelSpec:
    """Return the way beside the one of length 0.75 and weight 0.5 whose direction is not searched for."""
    spec = _pools(place, "fixed", 0.75, 0.5, "")
    return _model(f"{spec.name}-linear", pools={**spec.model_dump()["pools"], "direction": "linear"})


def _lbfgs(name: str) -> ModelSpec:
    return ModelSpec(name=name, paper="FC100-100-10", hidden=(100, 100), decay=(1e-5, 1e-5, 1e-6))


_BY_LBFGS = (
    *(_in_rounds(place, "fixed", 0.75, "") for place in _PLACES),
    *(_in_rounds(place, "share", 1.0, "-above" if place != "input" else "") for place in _PLACES),
)
_RIVALS = (
    *(
        _model(f"dropout-{first:g}-{rest:g}", hardening={"dropout": (first, rest, rest)})
        for first, rest in product((0.0, 0.1, 0.2), (0.1, 0.25, 0.5))
    ),
    *(
        _model(f"{kind}-{reach:g}-w{weight:g}", hardening={"fresh": kind, "reach": reach, "weight": weight})
        for kind, reach, weight in product(("gradient", "pgd", "virtual"), (0.4, 0.75, 1.5), (0.5, 1.0))
    ),
    *(_model(f"penalty-{text}", penalty=float(text)) for text in ("1e-4", "1e-3", "1e-2")),
)
_CHOICE = (
    _model("decay"),
    *(_model(f"decay-{text}", decay=(float(text), float(text), float(text) / 10)) for text in ("1e-6", "1e-5", "1e-4")),
    _lbfgs("decay-lbfgs"),
    *(
        _pools(place, form, reach, weight, trains)
        for place, (form, reach), weight, trains in product(_PLACES, _REACHES, _WEIGHTS, _TRAINS)
        if not (place == "input" and trains)  # above the input are all layers
    ),
    *_RIVALS,
    *_BY_LBFGS,
    *(_linear(place) for place in ("input", "together")),
)
_QUIET: dict[str, Any] = {
    "sets": SetsSpec(rules=(), noise=()),
    "negatives": NegativesSpec(images=0),
    "bounds": BoundsSpec(models=False, certified=0),
}

POOLS = Study(
    name="pools",
    models=_CHOICE,
    training=TrainingSpec(images=50_000, adam=AdamSpec(epochs=40, batch=200, rate=1e-2)),
    **_QUIET,
)
"""Chooses: five places, three strengths of two kinds, three weights, and the rivals, on images held out."""

POOLS_TEST = Study(
    name="pools-test",
    models=(
        _model("decay"),
        _lbfgs("decay-lbfgs"),
        *(_pools(place, "fixed", 0.75, 0.5, "") for place in _PLACES),
        *(_pools(place, "share", 1.0, 0.5, "-above") for place in _PLACES if place != "input"),
        *(spec for spec in _RIVALS if spec.name in ("dropout-0.1-0.25", "gradient-0.75-w0.5", "virtual-0.75-w1")),
        *(spec for spec in _RIVALS if spec.name in ("pgd-0.75-w0.5", "penalty-1e-3")),
        *(_in_rounds(place, "fixed", 0.75, "") for place in ("input", "together")),
        *(_in_rounds(place, "share", 1.0, "-above") for place in ("layer1", "layer2")),
    ),
    training=TrainingSpec(adam=AdamSpec(epochs=80, batch=200, rate=1e-2)),
    seeds=10,
    **_QUIET,
)
"""Tests: one recipe of each kind on all training images, ten seeds, twice as long."""
