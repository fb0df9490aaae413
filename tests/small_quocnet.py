"""A study whose QuocNet is trained in a second, on pictures that a test makes itself."""

from pathlib import Path
from typing import Any

import numpy as np

from blindspots.jobs.hands import Hands, OwnHands
from blindspots.jobs.job import Progress
from blindspots.jobs.stages.features.detectors import detectors
from blindspots.jobs.stages.features.quocnet import quocnet_stages
from blindspots.jobs.workspace import Workspace
from blindspots.store.arrays import open_root
from blindspots.store.place import Place
from blindspots.study.file import validate_study
from blindspots.study.study import Study

SIZE = {"height": 22, "channels": 1, "fields": [6, 4], "strides": [2, 2], "maps": 2, "pool": 2}
"""Two stages: 9 x 9 places, and on the 8 x 8 of their maps 3 x 3."""


def small_pictures(path: Path, *, count: int = 40, channels: int = 3) -> Path:
    """Write an ``.npz`` data set of pictures with blots, the second class one in the middle; return its path."""
    draw = np.random.default_rng(0)
    images = draw.integers(60, 120, (count, channels, 26, 24))
    labels = np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        for _ in range(6):
            top, left = draw.integers(0, 20, 2)
            image[:, top : top + 5, left : left + 5] += draw.integers(-60, 130)
        image[:, 8:18, 8:16] += 60 * label
    pixels = images.clip(0, 255).astype(np.uint8)
    np.savez(path, train_images=pixels, train_labels=labels, test_images=pixels[:30], test_labels=labels[:30])
    return path


def small_study(dataset: Path, **quocnet: Any) -> Study:
    """Return a study of those pictures with a QuocNet and little else."""
    content = {
        "name": "small",
        "dataset": str(dataset),
        "models": [{"name": "fc2", "decay": [1e-2]}],
        "training": {"images": 20, "iterations": 5},
        "sets": {"rules": ["nearest"], "examples": 10, "noise": []},
        "negatives": {"images": 0},
        "quocnet": {
            "size": SIZE,
            "images": 30,
            "held_out": 10,
            "squares": 2,
            "batch": 10,
            "steps": 60,
            "decrease": 0,
            "rate": 0.01,
        }
        | quocnet,
    }
    return validate_study(content)


def trained(root: Path, study: Study, hands: Hands | None = None, *, said: list[Progress] | None = None) -> Workspace:
    """Train a study's QuocNet in ``root``, stage by stage, and its detectors; what is done is left as it is."""
    workspace = Workspace(study, Place.at(root))
    open_root(workspace.place)
    for job in (*quocnet_stages(study), *detectors(study)):
        if job.done(workspace) != [True]:
            job.check(workspace)
            job.prepare(workspace)
            job.run(workspace, 0, [].append if said is None else said.append, hands or OwnHands())
    return workspace


def with_detector(study: Study, **detector: Any) -> Study:
    """Return a study with a detector of its second class."""
    content = study.model_dump(mode="json")
    content["detector"] = {"what": "blot", "positive": ["1"], "images": 4, "folds": 2} | detector
    return validate_study(content)
