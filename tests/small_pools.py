"""A study of a network with pools that is trained in a second, on pictures that a test makes itself."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from blindspots.jobs.hands import Hands, OwnHands
from blindspots.jobs.job import Job, Progress
from blindspots.jobs.stages.hardening.pooled_trainings import trainings
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.arrays import open_root
from blindspots.store.place import Place
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from tests.small_quocnet import small_pictures

POOLS = {"layers": [0, 1], "size": 24, "share": 0.5, "rounds": 2, "reach": 0.5}
ROUNDS = 8


def pooled_study(folder: Path, pools: dict[str, Any] | None = None, **training: Any) -> Study:
    """Return a study of one network with pools of both layers, eight rounds long, on pictures in ``folder``."""
    return validate_study(
        {
            "name": "pooled",
            "dataset": str(small_pictures(folder / "pictures.npz", channels=1)),
            "models": [{"name": "a", "hidden": [8], "decay": [1e-4, 1e-4], "pools": POOLS | (pools or {})}],
            "training": {"images": 30, "adam": {"epochs": 4, "batch": 6, "rate": 0.02}, **training},
            "sets": {"rules": [], "noise": []},
            "negatives": {"images": 0},
        }
    )


def training_of(root: Path, study: Study) -> tuple[Job, Workspace]:
    """Return the job of the study's training, and its workspace in ``root``."""
    workspace = Workspace(study, Place.at(root))
    open_root(workspace.place)
    (job,) = trainings(study)
    return job, workspace


def trained(
    root: Path, study: Study, hands: Hands | None = None, *, said: list[Progress] | None = None
) -> dict[str, torch.Tensor]:
    """Train in ``root``, from a checkpoint on where there is one, and return the weights."""
    job, workspace = training_of(root, study)
    job.check(workspace)
    job.prepare(workspace)
    job.run(workspace, 0, [].append if said is None else said.append, hands or OwnHands())
    assert job.done(workspace) == [True]
    return load_file(root / layout.weights("a", 0))


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Assert that weights are the same to the last bit."""
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
