"""FC10(1) with a weaker decay: what slip "weight decay" does to Tables 1 and 2.

The paper's errors of FC10(1) are lower than its printed decay gives; a coefficient of 0.35 in place of 0.5 gives them.
Here that network stands in Table 2 beside the one as printed: its sets by the paper's method, c|r|, are shown to the
others, and theirs to it.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from blindspots import minimum_distortion
from blindspots.datasets.dataset import Dataset
from blindspots.intervals import wilson
from blindspots.networks.build import build_network
from blindspots.study.model_spec import ModelSpec
from blindspots.study.training_spec import TrainingSpec
from blindspots.training.phases import train
from tests.benchmarks.networks import LINEAR, SIGMOID, trained

IMAGES = 5000
WEAKER = "fc10-0.7"


@pytest.mark.timeout(3600)
def test_a_weaker_decay(mnist: Dataset, record: Callable[[str, Any], None]) -> None:
    spec = ModelSpec(name=WEAKER, decay=(0.7,))
    *_, last = train(spec, TrainingSpec(), mnist.images("train"), mnist.labels("train"), seed=0, classes=10)
    weaker = build_network(spec, shape=mnist.shape, classes=10)
    weaker.load_state_dict(last.weights)
    models = {name: trained(name, mnist) for name in (*LINEAR, *SIGMOID)} | {WEAKER: weaker.requires_grad_(False)}
    errors = {
        split: float((weaker(mnist.images(split)).argmax(1) != mnist.labels(split)).float().mean())
        for split in ("train", "test")
    }
    print(f"\n{WEAKER}: training and test error {100 * errors['train']:.2f}%, {100 * errors['test']:.2f}%")
    ids = mnist.order("train", 0)[:IMAGES]
    images, labels = mnist.images("train", ids), mnist.labels("train", ids)
    rows = []
    print(f"random-target sets of {IMAGES} training images: distortion, then misread in {', '.join(models)}")
    for source, model in models.items():
        found = minimum_distortion(model, images, labels, rule="random", method="lbfgs-norm", examples=ids)
        read = (found.clean_predicted == labels) & found.success
        with torch.inference_mode():
            misread = {name: int((each(found.images).argmax(1) != labels).sum()) for name, each in models.items()}
        rows.append(
            {
                "source": source,
                "distortion": float(found.distortion[read].mean()),
                "misread": {name: count / IMAGES for name, count in misread.items()},
                "intervals": {name: wilson(count, IMAGES) for name, count in misread.items()},
            }
        )
        rates = "  ".join(f"{100 * count / IMAGES:5.1f}" for count in misread.values())
        print(f"  {source:14} {rows[-1]['distortion']:.4f}  {rates}")
    assert errors["train"] < 0.22
    assert rows[-1]["misread"][LINEAR[1]] > rows[2]["misread"][LINEAR[1]]
    record("weaker-decay", {"errors": errors, "rows": rows})
