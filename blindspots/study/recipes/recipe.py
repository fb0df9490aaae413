"""What a way of training is called, and which models of a study differ in it alone."""

from blindspots.study.model_spec import ModelSpec
from blindspots.study.pools_spec import HardeningSpec
from blindspots.study.study import Study

DECAY = "decay alone"
_FRESH = {"gradient": "gradient step", "pgd": "projected gradient", "virtual": "virtual adversarial"}


def recipe_of(spec: ModelSpec) -> str:
    """Return what a reader calls the way in which a fully connected network is trained, without its numbers."""
    pools, hardening = spec.pools, spec.hardening or HardeningSpec()
    if pools is not None and not pools.idle:
        places = [_place(layer) for layer in pools.layers]
        what = f"pool of {places[0]}" if len(places) == 1 else f"pools of {len(places)} layers, {pools.turns}"
        kinds = [
            "shares" * (pools.reach_form == "share"),
            "activations" * (pools.stored == "activation"),
            "trains above" * (pools.trains == "above"),
            "L-BFGS" * (pools.lbfgs is not None),
        ]
        direction = "" if pools.direction == "nearest" else f"{pools.direction} direction"
        return ", ".join(filter(None, (what, direction, *kinds)))
    if hardening.fresh != "none" and hardening.weight:
        at = f" at {_place(hardening.layer)}" if hardening.layer else ""
        return _FRESH[hardening.fresh] + at
    if any(hardening.dropout):
        return "dropout"
    if hardening.max_norm:
        return "limited weights"
    if spec.penalty:
        return "Lipschitz penalty"
    return DECAY if spec.by_minibatches else f"{DECAY}, L-BFGS"


def settings_of(spec: ModelSpec) -> str:
    """Return the numbers of the way in which a network is trained, as a reader is told them."""
    pools, hardening = spec.pools, spec.hardening or HardeningSpec()
    if pools is not None and not pools.idle:
        reach = f"length {pools.reach:g}" if pools.reach_form == "fixed" else f"{pools.reach:g} of the least"
        return f"{reach}, weight {pools.weight:g}"
    if hardening.fresh != "none" and hardening.weight:
        return f"length {hardening.reach:g}, weight {hardening.weight:g}"
    if any(hardening.dropout):
        return "dropped " + ", ".join(f"{share:g}" for share in hardening.dropout)
    if hardening.max_norm:
        return f"norm {hardening.max_norm:g}"
    if spec.penalty:
        return f"strength {spec.penalty:g}"
    return "decay " + ", ".join(f"{value:g}" for value in spec.decay)


def strength_of(spec: ModelSpec) -> float:
    """Return how far perturbations go, or how strong else a way of training is; of decay alone that of its first."""
    hardening = spec.hardening or HardeningSpec()
    if spec.pools is not None and not spec.pools.idle:
        return spec.pools.reach
    if hardening.fresh != "none" and hardening.weight:
        return hardening.reach
    if any(hardening.dropout):
        return max(hardening.dropout)
    return hardening.max_norm or spec.penalty or (spec.decay[0] if spec.decay else 0.0)


def has_reach(spec: ModelSpec) -> bool:
    """Tell whether a way of training perturbs anything, so that its strength is how far that goes."""
    hardening = spec.hardening or HardeningSpec()
    with_pools = spec.pools is not None and not spec.pools.idle
    return with_pools or (hardening.fresh != "none" and hardening.weight > 0)


def passes_of(spec: ModelSpec) -> int:
    """Return how often an image of a minibatch, or one shown beside it, is seen forwards and backwards in a step."""
    hardening = spec.hardening or HardeningSpec()
    fresh = {"none": 0, "gradient": 2, "pgd": 1 + hardening.steps, "virtual": 2}[hardening.fresh]
    pools = spec.pools is not None and not spec.pools.idle
    return 1 + pools + (fresh if hardening.weight else 0)


def compared(study: Study) -> tuple[ModelSpec, ...]:
    """Return the models that differ in how they are trained alone, the one with decay alone first; () without one.

    They are fully connected, trained by the study on the same images from the same weights, and one at least has more
    than decay.
    """
    for alone in (spec for spec in study.models if spec.by_minibatches and recipe_of(spec) == DECAY):
        rest = [spec for spec in study.models if spec is not alone and _alike(spec, alone)]
        if any(spec.hardened and not recipe_of(spec).startswith(DECAY) for spec in rest):
            return (alone, *rest)
    return ()


def with_pools(study: Study) -> tuple[ModelSpec, ...]:
    """Return the models that are compared and have pools with any effect."""
    return tuple(spec for spec in compared(study) if spec.pools is not None and not spec.pools.idle)


def _alike(spec: ModelSpec, other: ModelSpec) -> bool:
    """Tell whether two models are trained networks of the same shape, on the same images, from the same weights."""
    own, others = ((each.network, each.hidden, each.split, each.initial) for each in (spec, other))
    return spec.given is None and own == others


def _place(layer: int) -> str:
    return f"layer {layer}" if layer else "the input"
