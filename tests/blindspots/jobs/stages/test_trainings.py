"""The golden numbers of trainings, and that they move with the algorithm."""

from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from blindspots.jobs.stages import trainings as module
from blindspots.study.model_spec import ModelSpec
from blindspots.study.pools_spec import HardeningSpec, PoolsSpec
from blindspots.study.training_spec import AdamSpec, AutoencoderSpec, TrainingSpec
from blindspots.training import autoencoder_objective, codes, inputs, lbfgs, minibatches, objective, penalty
from blindspots.training.hardening import fresh
from blindspots.training.phases import train
from tests.fixed import CLASSES, fixed_images

SPECS = {
    "softmax": ModelSpec(name="a", decay=(1e-2,)),
    "hidden": ModelSpec(name="b", hidden=(12,), decay=(1e-3, 1e-4)),
    "penalised": ModelSpec(name="c", hidden=(12, 11), decay=(1e-3, 1e-4, 1e-4), penalty=0.05),
    "autoencoder": ModelSpec(name="d", network="autoencoder", hidden=(9,), decay=(1e-3,)),
    "convolutional": ModelSpec(
        name="e", network="convolutional", channels=(3,), hidden=(7,), decay=(1e-3, 0, 1e-4), penalty=0.05
    ),
    "pooled": ModelSpec(
        name="f",
        hidden=(12, 11),
        decay=(1e-3, 1e-4, 1e-4),
        pools=PoolsSpec(layers=(0, 2), size=40, reach=0.3, turns="alternating"),
    ),
    "hardened": ModelSpec(
        name="g",
        hidden=(12,),
        decay=(1e-3, 1e-4),
        hardening=HardeningSpec(dropout=(0.1, 0.3), max_norm=2, fresh="pgd", steps=2, reach=0.3),
    ),
}
TRAINING = TrainingSpec(
    iterations=12,
    checkpoint_every=6,
    tolerance=1e-9,
    decrease=1e-12,
    adam=AdamSpec(epochs=3, batch=20, rate=0.02),
    autoencoder=AutoencoderSpec(iterations=12),
)
GOLDEN = {
    "softmax": {0: 2.3372639421305994, 6: 0.3520186243979092, 12: 0.3507994207220637},
    "hidden": {0: 2.3895222864813155, 6: 0.13864172507519867, 12: 0.07026076243376397},
    "penalised": {0: 2.4421922238102005, 6: 0.6899832052822819, 12: 0.35214099701713264},
    "autoencoder": {0: 17.113357579168962, 12: 1.5472436699505054, 13: 2.242986723212487, 25: 0.9143542155888693},
    "convolutional": {0: 2.349919974022072, 1: 1.8560445574437632, 2: 1.4872683471093011},
    "pooled": {0: 2.364290545025293, 1: 2.318877377235031, 2: 2.2603705036849258},
    "hardened": {0: 2.364881832103628, 1: 2.1552313878466762, 2: 2.007550875922594},
}
"""Losses of a kind's training by row of its curve: the first, that of a checkpoint, the last; of each phase."""
OTHERWISE: dict[str, tuple[dict[str, object], float]] = {
    "warmed": ({"warm_epochs": 2}, 0.06012660117159252),
    "per-unit": ({"decay_form": "per-unit"}, 0.023747589794829015),
}
"""The last loss of the network with a hidden layer, trained otherwise."""
CHANGES: dict[str, tuple[str, ModuleType, str, float]] = {
    "sufficient decrease": ("hidden", lbfgs, "_SUFFICIENT", 0.3),
    "curvature": ("softmax", lbfgs, "_CURVATURE", 0.1),
    "memory": ("softmax", lbfgs, "_HISTORY_CURVED", 4),
    "refreshed matrix": ("softmax", lbfgs, "_REFRESH", 5),
    "damping": ("hidden", objective, "_DAMPING", 3.1e-5),
    "autoencoder's damping": ("autoencoder", autoencoder_objective, "_DAMPING", 1.1e-5),
    "sigmoid's slope": ("penalised", objective, "_STEEPEST", 0.26),
    "order of the norm": ("penalised", penalty, "_ORDER", 99),
    "power steps": ("convolutional", penalty, "_FIRST_STEPS", 5),
    "strides": ("hardened", fresh, "_STRIDE", 2.0),
    "small weights": ("convolutional", minibatches, "_NOTHING", 1e-3),
}
"""What changes the training of a kind: a module's constant, and another value for it."""
ROUNDING = 1e-8
"""Relative; processors differ by 2e-11 at most."""


@pytest.fixture(autouse=True)
def float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Train in float64: twelve iterations magnify a rounding to 1e-11 of a loss, in float32 to some percent."""
    begin = codes.initial_autoencoder
    monkeypatch.setattr(
        codes,
        "initial_autoencoder",
        lambda *sizes, **seeds: {name: tensor.double() for name, tensor in begin(*sizes, **seeds).items()},
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def losses(kind: str, **changes: object) -> list[float]:
    training = TRAINING.model_copy(update=changes)
    *_, last = train(SPECS[kind], training, *fixed_images(120), seed=0, classes=CLASSES)
    assert last.weights[next(iter(last.weights))].dtype == torch.float64
    return last.curve["loss"].tolist()


@pytest.mark.numerics
@pytest.mark.parametrize("kind", SPECS)
def test_golden_numbers(kind: str) -> None:
    """Where one of these moves, ALGORITHM is to be raised, and these numbers with it."""
    assert module.ALGORITHM == 2
    found = losses(kind)
    assert max(GOLDEN[kind]) == len(found) - 1
    assert {row: found[row] for row in GOLDEN[kind]} == pytest.approx(GOLDEN[kind], rel=ROUNDING)


@pytest.mark.numerics
@pytest.mark.parametrize("way", OTHERWISE)
def test_golden_numbers_of_trainings_that_go_otherwise(way: str) -> None:
    changes, expected = OTHERWISE[way]
    assert module.ALGORITHM == 2
    assert losses("hidden", **changes)[-1] == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("change", CHANGES)
def test_a_golden_number_moves_with_the_algorithm(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, where, name, value = CHANGES[change]
    assert getattr(where, name) != value
    monkeypatch.setattr(where, name, value)
    found = losses(kind)
    moved = [abs(found[row] - expected) / expected for row, expected in GOLDEN[kind].items()]
    assert max(moved) > 100 * ROUNDING


def test_a_golden_number_does_not_move_with_the_order_of_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """In chunks of other sizes everything is summed in another order, as on another processor."""
    before = losses("penalised")
    monkeypatch.setattr(inputs, "batch_rows", lambda device: 50)
    found = losses("penalised")
    assert found != before
    assert found == pytest.approx(before, rel=ROUNDING)
