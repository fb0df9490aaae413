"""What is read, and how often, where a set is shown to one model after another."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from blindspots.jobs.kept import Kept
from blindspots.jobs.opening import open_root
from blindspots.jobs.stages import shown as module
from blindspots.jobs.stages.adversarial_sets import AdversarialSet, sets_of
from blindspots.jobs.stages.shown import read_set
from blindspots.jobs.stages.trainings import trained_model
from blindspots.jobs.workspace import Workspace
from blindspots.store.arrays import CorruptShardError
from blindspots.study.study import Study
from blindspots.transfer import VARIANTS
from tests.showing import show


@pytest.fixture
def workspace(tiny: Study, root: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(module, "_shards", Kept(2**26))
    monkeypatch.setattr(module, "_exhibits", Kept(2**26))
    return open_root(tiny, root).workspace


@pytest.fixture
def job(tiny: Study) -> AdversarialSet:
    (found,) = (job for job in sets_of(tiny, tiny.models[0], 0) if job.rule == "random")
    return found


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    read = AdversarialSet.read

    def counted(
        self: AdversarialSet, workspace: Workspace, shard: int, names: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        found.append(shard)
        return read(self, workspace, shard, names)

    monkeypatch.setattr(AdversarialSet, "read", counted)
    return found


def test_a_set_is_read_once_and_shown_to_every_model(
    workspace: Workspace, job: AdversarialSet, reads: list[int]
) -> None:
    arrays = [job.read(workspace, shard) for shard in range(job.shards(workspace))]
    stored = {name: torch.from_numpy(np.concatenate([part[name] for part in arrays])) for name in arrays[0]}
    images = workspace.dataset.images(job.split, stored["example"].numpy())
    reads.clear()
    for name in ("fc10", "fc20-10"):
        model = trained_model(workspace, name, 0)
        found = read_set(workspace, model, job, VARIANTS)
        for variant, reading in found.items():
            counts = show(
                model,
                images,
                stored["label"].long(),
                perturbation=stored["perturbation"],
                targets=stored["target"].long(),
                variant=variant,
                amplified_to=workspace.study.sets.amplified_to,
            )
            shares = (counts.n, counts.misread, counts.as_target, counts.clean_misread)
            assert shares == (
                reading.counts.n,
                reading.counts.misread,
                reading.counts.as_target,
                reading.counts.clean_misread,
            )
            assert reading.counts.distortion == pytest.approx(counts.distortion, rel=1e-9)
    assert reads == [0, 1, 2]


def test_a_model_reads_the_images_as_they_are_once_for_all_sets_of_them(workspace: Workspace, tiny: Study) -> None:
    model = trained_model(workspace, "fc10", 0)
    passes = []
    with_hook = model.register_forward_hook(lambda *_: passes.append(1))
    try:
        for spec in tiny.models:
            for job in sets_of(tiny, spec, 0):
                read_set(workspace, model, job, VARIANTS[:1])
    finally:
        with_hook.remove()
    assert len(passes) == 3 + 4 * 3  # three shards, of four sets of the same images


def test_a_shard_that_was_written_since_is_read_anew(
    workspace: Workspace, job: AdversarialSet, root: Path, reads: list[int]
) -> None:
    model = trained_model(workspace, "fc10", 0)
    read_set(workspace, model, job, VARIANTS[:1])
    path = root / "study.zarr" / job.key / "perturbation/c/1/0/0/0"
    os.utime(path, ns=(1, 1))
    read_set(workspace, model, job, VARIANTS[:1])
    assert reads == [0, 1, 2, 1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)
    with pytest.raises(CorruptShardError):
        read_set(workspace, model, job, VARIANTS[:1])


def test_shards_that_lie_in_each_others_place_are_not_shown(
    workspace: Workspace, job: AdversarialSet, root: Path, reads: list[int]
) -> None:
    model = trained_model(workspace, "fc10", 0)
    one, other = (root / "study.zarr" / job.key / f"perturbation/c/{shard}/0/0/0" for shard in (0, 1))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    with pytest.raises(CorruptShardError, match=r"shard 0: perturbation: the content is not what the receipt says"):
        read_set(workspace, model, job, VARIANTS[:1])


def test_models_are_kept_while_sets_are_shown_to_them(workspace: Workspace) -> None:
    one, other, again = (trained_model(workspace, name, 0) for name in ("fc10", "fc20-10", "fc10"))
    assert again is one
    assert other is not one
