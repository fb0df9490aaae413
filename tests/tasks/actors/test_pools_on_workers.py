"""Pools made by real Ray actors, one of which is killed: the weights are those of one process."""

import os
from pathlib import Path

import torch

from blindspots.jobs.hands import Hands
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.place import Place
from tests.small_pools import assert_same, pooled_study, trained
from tests.tasks.actors.killing import with_a_worker_killed


def test_a_killed_worker_changes_no_bit(tmp_path: Path) -> None:
    study = pooled_study(tmp_path, adam={"epochs": 40, "batch": 6, "rate": 0.02})
    alone, root = trained(tmp_path / "alone", study), tmp_path / "workers"
    found: dict[str, torch.Tensor] = {}
    folder = root / layout.pool_work("a", 0)

    def in_the_middle() -> bool:
        return folder.is_dir() and any(int(name.removeprefix("round-")) > 20 for name in os.listdir(folder))

    def work(hands: Hands) -> None:
        found.update(trained(root, study, hands))

    with_a_worker_killed(Workspace(study, Place.at(root)), work, when=in_the_middle)
    assert_same(found, alone)
