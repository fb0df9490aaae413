"""What ways of training are called, and which models are compared."""

from typing import Any

import pytest

from blindspots.study import ModelSpec, Study, validate_study
from blindspots.study.recipes.recipe import compared, has_reach, passes_of, recipe_of, settings_of, strength_of


def model(name: str = "a", **fields: Any) -> ModelSpec:
    return ModelSpec.model_validate({"name": name, "hidden": [50, 40], "decay": [1e-4, 1e-4, 0], **fields})


@pytest.mark.parametrize(
    ("fields", "recipe", "settings", "strength", "passes"),
    [
        ({"hardening": {}}, "decay alone", "decay 0.0001, 0.0001, 0", 1e-4, 1),
        ({}, "decay alone, L-BFGS", "decay 0.0001, 0.0001, 0", 1e-4, 1),
        ({"pools": {"weight": 0}}, "decay alone", "decay 0.0001, 0.0001, 0", 1e-4, 1),
        ({"pools": {"reach": 2}}, "pool of the input", "length 2, weight 0.5", 2, 2),
        (
            {"pools": {"layers": 1, "reach_form": "share", "reach": 0.5, "trains": "above", "stored": "activation"}},
            "pool of layer 1, shares, activations, trains above",
            "0.5 of the least, weight 0.5",
            0.5,
            2,
        ),
        (
            {"pools": {"layers": [0, 2], "turns": "alternating", "direction": "random"}},
            "pools of 2 layers, alternating, random direction",
            "length 0.75, weight 0.5",
            0.75,
            2,
        ),
        (
            {"pools": {"layers": [2], "trains": "above", "lbfgs": {}}},
            "pool of layer 2, trains above, L-BFGS",
            "length 0.75, weight 0.5",
            0.75,
            2,
        ),
        ({"pools": {"weight": 0, "lbfgs": {}}}, "decay alone, L-BFGS", "decay 0.0001, 0.0001, 0", 1e-4, 1),
        (
            {"hardening": {"fresh": "gradient", "layer": 2}},
            "gradient step at layer 2",
            "length 0.75, weight 0.5",
            0.75,
            3,
        ),
        ({"hardening": {"fresh": "pgd", "steps": 4}}, "projected gradient", "length 0.75, weight 0.5", 0.75, 6),
        ({"hardening": {"fresh": "pgd", "weight": 0}}, "decay alone", "decay 0.0001, 0.0001, 0", 1e-4, 1),
        ({"hardening": {"dropout": [0, 0.5, 0.25]}}, "dropout", "dropped 0, 0.5, 0.25", 0.5, 1),
        ({"hardening": {"max_norm": 3}}, "limited weights", "norm 3", 3, 1),
        ({"hardening": {}, "penalty": 0.01}, "Lipschitz penalty", "strength 0.01", 0.01, 1),
    ],
)
def test_every_way_has_a_name_and_its_numbers(
    fields: dict[str, Any], recipe: str, settings: str, strength: float, passes: int
) -> None:
    spec = model(**fields)
    assert (recipe_of(spec), settings_of(spec), strength_of(spec)) == (recipe, settings, strength)
    assert passes_of(spec) == passes
    assert has_reach(spec) == settings.startswith(("length", "0.5 of"))


def study(*models: ModelSpec) -> Study:
    return validate_study({"name": "mine", "models": [each.model_dump() for each in models]})


def test_models_that_differ_in_their_training_are_compared_with_decay_alone_first() -> None:
    pooled, alone, lbfgs = model("p", pools={}), model("d", hardening={}), model("l")
    others = (
        model("o", hidden=[50], decay=[0, 0], hardening={}),
        model("i", initial=1, pools={}),
        model("s-p1", split="p1", pools={}),
    )
    found = compared(study(pooled, *others, lbfgs, alone))
    assert [spec.name for spec in found] == ["d", "p", "l"]
    assert compared(study(pooled, lbfgs)) == ()  # none with decay alone
    assert compared(study(alone, lbfgs)) == ()  # nothing but decay
