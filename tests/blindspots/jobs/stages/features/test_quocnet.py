"""A QuocNet's stages as jobs: what they leave, on what they depend, and killed in the middle."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import load_file

from blindspots.errors import InputError
from blindspots.jobs.expansion import expand
from blindspots.jobs.job import Progress
from blindspots.jobs.quocnet.replicas import step_together
from blindspots.jobs.quocnet.work import StageWork
from blindspots.jobs.stages.features import quocnet as module
from blindspots.jobs.stages.features.quocnet import QuocNetStage
from blindspots.jobs.workspace import Workspace
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError
from blindspots.store.place import Place
from blindspots.study.built_in import QUICK
from blindspots.study.file import validate_study
from blindspots.study.quocnet_size import QuocNetSize
from blindspots.study.study import Study
from blindspots.training.layerwise.descent import initial_state
from blindspots.training.layerwise.inputs import batch_rows
from blindspots.training.layerwise.objective import Losses, forward, gradients, losses
from blindspots.training.layerwise.step import steps_in_memory
from blindspots.training.layerwise.stored import stored_quocnet
from blindspots.training.layerwise.tile import tiles_of
from blindspots.training.lbfgs import DivergedError
from tests.blindspots.jobs.conftest import changed
from tests.fixed import integers
from tests.small_quocnet import SIZE, small_pictures, small_study, trained

pytestmark = pytest.mark.xdist_group("quocnet")  # one study, made once


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_pictures(tmp_path_factory.mktemp("pictures") / "pictures.npz")


@pytest.fixture(scope="module")
def undisturbed(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A QuocNet in 2 x 2 tiles, trained in this process; to be read only."""
    root = tmp_path_factory.mktemp("undisturbed")
    trained(root, small_study(pictures, tiles=[2, 2]))
    return root


def weights(root: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.relative_to(root)}:{name}": tensor
        for path in sorted((root / "models").rglob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def assert_same_weights(one: Path, other: Path) -> None:
    left, right = weights(one), weights(other)
    assert left.keys() == right.keys()
    assert len(left) == 2 * 4 + 2
    for name, tensor in left.items():
        assert torch.equal(tensor, right[name]), name


def course(root: Path, stage: int) -> xr.Dataset:
    return xr.open_zarr(root / layout.ZARR, group=layout.quocnet_stage(stage), consolidated=False)


def test_every_stage_learns_and_leaves_its_weights_and_its_course(undisturbed: Path, pictures: Path) -> None:
    study = small_study(pictures, tiles=[2, 2])
    network = stored_quocnet(Place.at(undisturbed), study.quocnet)
    assert [tuple(stage[0].filters.shape) for stage in network.stages] == [(9, 9, 2, 36), (3, 3, 2, 32)]
    assert network(torch.rand(3, 1, 22, 22)).shape == (3, 2 * 2 * 2)
    for stage in (1, 2):
        found = course(undisturbed, stage)
        held = (found.held_out_reconstruction + found.held_out_penalty).values
        assert held[-1] < 0.9 * held[0]
        assert found.check.values.tolist() == [0, 50, 60]
        assert found.sizes["step"] == 60
        filters = network.stages[stage - 1][0].filters
        np.testing.assert_allclose(found.norm, filters.norm(dim=-1), rtol=1e-6)
        assert found.attrs["ended"] == "the limit of steps"
        assert not (undisturbed / layout.quocnet_work(stage)).exists()


def test_what_a_stage_left_that_was_killed_in_its_last_moment_goes(
    undisturbed: Path, pictures: Path, tmp_path: Path
) -> None:
    shutil.copytree(undisturbed, tmp_path / "root")
    workspace = Workspace(small_study(pictures, tiles=[2, 2]), Place.at(tmp_path / "root"))
    job, left = QuocNetStage(1), layout.quocnet_inputs(1, 0)
    workspace.place.write(left, b"")
    job.fit(workspace)
    assert not workspace.place.has(left)
    job.forget(workspace, 0)
    workspace.place.write(left, b"")
    job.fit(workspace)
    assert workspace.place.has(left)


def test_one_tile_ends_with_the_same_weights_within_rounding(undisturbed: Path, pictures: Path, tmp_path: Path) -> None:
    study = small_study(pictures)
    trained(tmp_path, study)
    one, four = (
        stored_quocnet(Place.at(root), each.quocnet)
        for root, each in ((tmp_path, study), (undisturbed, small_study(pictures, tiles=[2, 2])))
    )
    for left, right in zip(one.stages, four.stages, strict=True):
        torch.testing.assert_close(left[0].filters, right[0].filters, rtol=0, atol=2e-3)
        # ... which a sum in another order moves by no more than a step or two of Adam; most by much less
        assert float((left[0].filters - right[0].filters).abs().mean()) < 1e-5


class ShuffledHands:
    """Does the parts in another order, the first of them twice, as where a worker was lost."""

    def map(self, function: Callable[[Any], Any], parts: Sequence[Any]) -> Iterable[Any]:
        done = {index: function(part) for index, part in reversed(list(enumerate(parts)))}
        function(parts[0])
        return [done[index] for index in range(len(parts))]


def test_whatever_hands_do_it_the_bits_are_the_same(undisturbed: Path, pictures: Path, tmp_path: Path) -> None:
    trained(tmp_path, small_study(pictures, tiles=[2, 2]), ShuffledHands())
    assert_same_weights(tmp_path, undisturbed)


def test_replicas_of_tiles_end_with_the_bits_of_one_process_in_memory(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever does which part and however often, and killed in the middle of a step: sums have one order."""
    monkeypatch.setattr("blindspots.jobs.quocnet.training.WINDOW", 10)
    study = small_study(pictures, tiles=[2, 1], replicas=2, steps=50, size={**SIZE, "fields": [6], "strides": [2]})

    class Dying(ShuffledHands):
        """Dies after the first checkpoint, between the gradients of a step and what all of them are for."""

        def map(self, function: Callable[[Any], Any], parts: Sequence[Any]) -> Iterable[Any]:
            if getattr(function, "func", None) is step_together and parts[0][2] == 11:
                super().map(function, parts[:1])
                raise KeyboardInterrupt
            return super().map(function, parts)

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, study, Dying())
    own = Workspace(study, Place.at(tmp_path))
    work = StageWork(own, 1, str(QuocNetStage(1).identity(own, 0)))
    inputs = torch.cat([work.block(block) for block in range(work.blocks[0])])
    said: list[Progress] = []
    trained(tmp_path, study, said=said)
    assert any("goes on from step 10" in each.message for each in said)
    spec = work.spec
    rows = (batch_rows(len(inputs), spec.batch, seed=study.seed, stage=1, step=step) for step in range(50))
    states = [initial_state(tile, coding="tied", seed=study.seed, stage=1) for tile in work.tiles]
    losses = list(
        steps_in_memory(
            states,
            (inputs[torch.from_numpy(each)] for each in rows),
            work.tiles,
            replicas=2,
            rate=spec.rate,
            sparsity=spec.sparsity,
        )
    )
    for tile, state in zip(work.tiles, states, strict=True):
        assert torch.equal(load_file(tmp_path / layout.quocnet_tile(1, tile.number))["filters"], state["filters"])
    found = course(tmp_path, 1)
    assert found.reconstruction.values.tolist() == [each.reconstruction for each in losses]
    assert found.penalty.values.tolist() == [each.penalty for each in losses]
    held = (found.held_out_reconstruction + found.held_out_penalty).values
    assert held[-1] < 0.95 * held[0]


SCRIPT = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.fixed import integers
from tests.small_quocnet import small_study, trained
trained(Path(sys.argv[1]), small_study(Path(sys.argv[2]), tiles=[2, 2]))
"""


def test_killed_it_goes_on_to_the_same_weights(undisturbed: Path, pictures: Path, tmp_path: Path) -> None:
    """A real SIGKILL of the whole group, twice: after a checkpoint, and before the first of the second stage."""
    for stage, step in ((1, 40), (2, 20)):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tmp_path), str(pictures)],
            cwd=Path(__file__).parents[5],
            start_new_session=True,
        )
        steps, until = tmp_path / layout.quocnet_steps(stage), time.monotonic() + 120
        while not any(step <= int(name) for name in (os.listdir(steps) if steps.is_dir() else ())):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not (tmp_path / layout.receipt(layout.quocnet_stage(stage), 0)).exists()
    said: list[Progress] = []
    trained(tmp_path, small_study(pictures, tiles=[2, 2]), said=said)
    assert_same_weights(tmp_path, undisturbed)
    assert any("goes on from step" in each.message for each in said)
    for each in (1, 2):
        xr.testing.assert_identical(course(tmp_path, each).load(), course(undisturbed, each).load())


def test_what_is_done_is_known_and_damage_is_seen(undisturbed: Path, pictures: Path, tmp_path: Path) -> None:
    study = small_study(pictures)
    workspace = trained(tmp_path, study)
    first, second = QuocNetStage(1), QuocNetStage(2)
    assert first.done(workspace) == second.done(workspace) == [True]
    receipt = first.receipt(workspace, 0)
    assert receipt is not None
    assert first.damage(workspace, 0, receipt) is None
    path = tmp_path / layout.quocnet_tile(1, 0)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert "weights/0: the content is not what the receipt says" in str(first.damage(workspace, 0, receipt))
    path.unlink()
    assert first.done(workspace) == [False]


def test_a_tile_that_is_written_otherwise_gets_no_receipt(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = StageWork.keep

    def keep(self: StageWork, key: str, tensors: Any, metadata: Any = None) -> None:
        plain(
            self, key, {name: tensor + (key == layout.quocnet_tile(1, 1)) for name, tensor in tensors.items()}, metadata
        )

    monkeypatch.setattr(StageWork, "keep", keep)
    with pytest.raises(CorruptShardError, match="shard 0 reads back otherwise than it was written"):
        trained(tmp_path, small_study(pictures, tiles=[2, 2], steps=50))


def test_on_what_a_stage_depends(pictures: Path, tmp_path: Path) -> None:
    workspace = trained(tmp_path, small_study(pictures, steps=50))
    first = QuocNetStage(1).identity(workspace, 0)

    def known(**fields: Any) -> str | None:
        study = changed(workspace.study, quocnet=fields)
        return QuocNetStage(1).identity(replace(workspace, study=study), 0)

    others = {
        "images": 29,
        "held_out": 9,
        "squares": 3,
        "batch": 9,
        "sparsity": 0.2,
        "coding": "unit-norm",
        "rate": 0.02,
        "steps": 60,
        "decrease": 0.5,
        "tiles": [1, 2],
        "replicas": 2,
        "size": {**workspace.study.quocnet.shape.model_dump(), "maps": 3},
    }
    assert set(others) == set(type(workspace.study.quocnet).model_fields)
    assert known() == first
    assert len({first, *(known(**{field: value}) for field, value in others.items())}) == len(others) + 1
    assert QuocNetStage(1).identity(replace(workspace, study=changed(workspace.study, seed=1)), 0) != first
    assert QuocNetStage(2).identity(workspace, 0) is not None
    QuocNetStage(1).forget(workspace, 0)
    assert QuocNetStage(2).identity(workspace, 0) is None


def test_a_training_without_replicas_is_known_as_before_there_were_any(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "identity", lambda **content: sorted(content["training"]))
    said = [
        QuocNetStage(1).identity(Workspace(small_study(pictures, replicas=replicas), Place.at(tmp_path)), 0)
        for replicas in (1, 2)
    ]
    assert set(said[1]) - set(said[0]) == {"replicas"}


def test_what_cannot_be_is_refused_before_any_work(pictures: Path, tmp_path: Path) -> None:
    grey = small_pictures(tmp_path / "grey.npz", channels=1)

    def refused(study: Study) -> str:
        with pytest.raises(InputError) as caught:
            QuocNetStage(1).check(Workspace(study, Place.at(tmp_path / "root")))
        return str(caught.value)

    assert refused(small_study(grey, size="quocnet-64")) == (
        "quocnet.size: it takes pictures of 3 channels, and those of grey.npz have 1; name another size"
    )
    assert "41 images are asked for" in refused(small_study(pictures, images=31))
    with pytest.raises(InputError, match=r"tiles = \[4, 1\]: stage 2 has 3 places each way"):
        small_study(pictures, tiles=[4, 1])
    with pytest.raises(InputError, match="quocnet"):
        small_study(pictures, size="quocnet-2012")


def test_a_loss_that_is_not_finite_is_told(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindspots.jobs.quocnet.training.total", lambda parts: Losses(float("nan"), 1.0))
    with pytest.raises(DivergedError, match=r"the objective is nan after step 0 at rate 0\.01"):
        trained(tmp_path, small_study(pictures))


def test_a_study_without_one_is_what_it_was() -> None:
    assert "quocnet" not in QUICK.model_dump(mode="json")
    assert not any(job.stage == "quocnet" for job in expand(QUICK))
    assert validate_study(QUICK.model_dump(mode="json")) == QUICK


GOLDEN = (210.57385393144335, 85.21754899208996)
"""The objective, and the norm of its gradient."""


@pytest.mark.numerics
def test_golden_numbers() -> None:
    """Where one of these moves, ALGORITHM is to be raised, and these numbers with it."""
    (tile,) = tiles_of(QuocNetSize(height=12, channels=2, fields=(4,), strides=(2,), maps=3, pool=3).shapes[0])
    filters = {"filters": torch.from_numpy(integers(50, *tile.filters, low=-64, high=64) / 128)}
    inputs = torch.from_numpy(integers(51, 5, 2, 12, 12, low=-64, high=64) / 64)
    made = forward(filters, inputs, tile)
    residual = made.decoded - inputs
    found = losses(residual, made.energy, tile, sparsity=0.1)
    slopes = gradients(filters, inputs, made.codes, residual=residual, energy=made.energy, tile=tile, sparsity=0.1)[
        "filters"
    ]
    assert module.ALGORITHM == 1
    assert (found.total, float(slopes.norm())) == pytest.approx(GOLDEN, rel=1e-10)
