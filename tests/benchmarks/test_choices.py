"""What was chosen on held-out images: networks that the paper does not describe, trained without 5000 of the training
images and read on those. The test images are not looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import pytest
import torch

from blindspots.datasets.dataset import Dataset
from blindspots.device import one_thread
from blindspots.intervals import wilson
from blindspots.networks.build import build_network
from blindspots.study.built_in import MNIST
from blindspots.study.model_spec import ModelSpec
from blindspots.study.training_spec import TrainingSpec
from blindspots.training.phases import train

HELD_OUT = 5000
CONVOLUTIONAL = next(spec for spec in MNIST.models if spec.network == "convolutional")
AUTOENCODER = MNIST.model("ae400-10")


@dataclass(frozen=True)
class Choice:
    """A network and how it is trained; the first of each kind is the one chosen."""

    what: str
    spec: ModelSpec
    training: TrainingSpec


def _convolutional(what: str, *, channels: tuple[int, int], decay: float, **adam: float) -> Choice:
    training = MNIST.training
    changed = training.model_copy(update={"adam": training.adam.model_copy(update=adam)})
    spec = CONVOLUTIONAL.model_copy(update={"channels": channels, "decay": (decay,) * 4})
    return Choice(what, spec, changed)


def _autoencoder(what: str, **autoencoder: float) -> Choice:
    training = MNIST.training
    changed = training.model_copy(update={"autoencoder": training.autoencoder.model_copy(update=autoencoder)})
    return Choice(what, AUTOENCODER, changed)


CHOICES = (
    _convolutional("as chosen", channels=(24, 48), decay=3e-4),
    _convolutional("narrower", channels=(16, 32), decay=3e-4),
    _convolutional("decay 1e-5", channels=(24, 48), decay=1e-5),
    _convolutional("batch 125", channels=(24, 48), decay=3e-4, batch=125),
    _autoencoder("as chosen"),
    _autoencoder("a third of the iterations", iterations=MNIST.training.autoencoder.iterations // 3),
    _autoencoder("decay 1e-3", decay=1e-3),
)


@pytest.mark.timeout(7200)
def test_choices(mnist: Dataset, record: Callable[[str, Any], None]) -> None:
    ids = mnist.order("train", 0)
    held, rest = ids[:HELD_OUT], ids[HELD_OUT:]
    images, labels = mnist.images("train", held), mnist.labels("train", held)
    rows = []
    with one_thread():
        for choice in CHOICES:
            began = perf_counter()
            *_, last = train(
                choice.spec,
                choice.training,
                mnist.images("train", rest),
                mnist.labels("train", rest),
                seed=0,
                classes=10,
            )
            seconds = perf_counter() - began
            network = build_network(choice.spec, shape=mnist.shape, classes=10)
            network.load_state_dict(last.weights)
            with torch.inference_mode():
                misread = int((network(images).argmax(1) != labels).sum())
            low, high = wilson(misread, HELD_OUT)
            rows.append(
                {
                    "network": choice.spec.network,
                    "choice": choice.what,
                    "held_out_error": misread / HELD_OUT,
                    "interval": [low, high],
                    "training_error": float(last.curve["error"][-1]),
                    "iterations": last.iterations,
                    "reason": last.reason,
                    "seconds": round(seconds, 1),
                }
            )
            print(
                f"\n{choice.spec.network:14} {choice.what:26} held-out error {100 * misread / HELD_OUT:.2f}% "
                f"[{100 * low:.2f}, {100 * high:.2f}], {seconds:.0f} s"
            )
            assert misread < 0.05 * HELD_OUT
    record("choices", rows)
