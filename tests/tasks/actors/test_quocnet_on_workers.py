"""A QuocNet's tiles on real Ray actors, one of which is killed: the weights are those of one process."""

import os
from pathlib import Path

import torch
from safetensors.torch import load_file

from blindspots.jobs.hands import Hands
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.place import Place
from tests.small_quocnet import small_pictures, small_study, trained
from tests.tasks.actors.killing import with_a_worker_killed


def test_a_killed_worker_changes_no_bit(tmp_path: Path) -> None:
    study = small_study(small_pictures(tmp_path / "pictures.npz"), tiles=[2, 1], steps=60)
    trained(tmp_path / "alone", study)
    root = tmp_path / "workers"
    steps = root / layout.quocnet_steps(1)

    def in_the_first_stage() -> bool:
        return steps.is_dir() and any(int(name) > 10 for name in os.listdir(steps))

    def work(hands: Hands) -> None:
        trained(root, study, hands)

    with_a_worker_killed(Workspace(study, Place.at(root)), work, when=in_the_first_stage)
    for stage in (1, 2):
        for tile in (0, 1):
            one, other = (load_file(each / layout.quocnet_tile(stage, tile)) for each in (tmp_path / "alone", root))
            assert torch.equal(one["filters"], other["filters"])
