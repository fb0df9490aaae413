"""The pools as a training leaves them: a row a slot, that can be read, checked, and held against the images."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from blindspots.errors import InputError
from blindspots.jobs.hardening import work
from blindspots.jobs.stages.hardening.pooled_trainings import PooledTraining, trainings
from blindspots.jobs.stages.trainings import TrainingJob
from blindspots.store import layout
from blindspots.training.lbfgs import DivergedError
from tests.small_pools import ROUNDS, pooled_study, trained, training_of


def test_every_slot_is_told_of(tmp_path: Path) -> None:
    study = pooled_study(tmp_path, {"direction": "gradient"})
    trained(tmp_path / "root", study)
    job, workspace = training_of(tmp_path / "root", study)
    tree = xr.open_datatree(tmp_path / "root" / layout.ZARR, engine="zarr", consolidated=False, chunks=None)
    images = torch.from_numpy(np.stack([workspace.dataset.images("train", [i])[0].numpy() for i in range(40)]))
    for layer, units in ((0, 26 * 24), (1, 8)):
        pool = tree[layout.pool("a", 0, layer)]
        assert dict(pool.sizes) == {"slot": 24, "unit": units}
        filled = pool["round"].values >= 0
        assert filled.sum() > 20
        assert pool["round"].values[filled].min() >= 1
        assert pool["round"].values.max() == ROUNDS - 1
        assert (pool["round"].values == ROUNDS - 1).sum() == 12  # what the last round replaced
        assert set(pool["example"].values) <= set(workspace.examples("train", 30).tolist())
        length = np.linalg.norm(pool["values"].values, axis=1)
        np.testing.assert_allclose(length, np.where(filled, pool["distance"].values, 0), atol=1e-5)
        assert length.max() <= 0.5 + 1e-5
        if layer == 0:
            shown = images.flatten(1)[pool["example"].values].numpy() + pool["values"].values
            assert shown.min() >= 0
            assert shown.max() <= 1 + 1e-6
    receipt = job.receipt(workspace, 0)
    assert receipt is not None
    assert job.damage(workspace, 0, receipt) is None
    assert {"layer-0/values", "layer-1/round"} <= set(receipt.sizes)
    (tmp_path / "root" / layout.chunk(layout.pool("a", 0, 1), "round", (0,))).unlink()
    assert job.done(workspace) == [False]


def test_pools_of_another_training_go(tmp_path: Path) -> None:
    root = tmp_path / "root"
    trained(root, pooled_study(tmp_path))
    trained(root, pooled_study(tmp_path, {"layers": [1]}))
    group = root / layout.in_hierarchy(layout.pools("a", 0))
    assert [path.name for path in group.iterdir() if path.is_dir()] == ["layer-1"]
    trained(root, pooled_study(tmp_path, {"weight": 0}))
    assert not group.exists()


def test_what_a_training_left_that_was_killed_in_its_last_moment_goes(tmp_path: Path) -> None:
    study = pooled_study(tmp_path)
    trained(tmp_path / "root", study)
    job, workspace = training_of(tmp_path / "root", study)
    left = (f"{layout.pool_work('a', 0)}/0/x", layout.checkpoint("a", 0))
    for key in left:
        workspace.place.write(key, b"")
    job.fit(workspace)
    assert not any(map(workspace.place.has, left))
    job.forget(workspace, 0)
    for key in left:
        workspace.place.write(key, b"")
    job.fit(workspace)  # of a training that is to be gone on with
    assert all(map(workspace.place.has, left))


@pytest.mark.parametrize(
    ("change", "kind"), [({}, PooledTraining), ({"delay": 0}, TrainingJob), ({"reach": 0}, TrainingJob)]
)
def test_pools_ahead_of_time_are_made_by_several_hands(tmp_path: Path, change: dict[str, float], kind: type) -> None:
    (job,) = trainings(pooled_study(tmp_path, change))
    assert type(job) is kind
    assert job.divides is (kind is PooledTraining)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 31}, "models.a.pools.size = 31: the model is trained on 30 images; give at most that"),
        ({"reach": 25}, "models.a: pools.reach = 25: the box of the 624 values of layer 0 is 24.98 across"),
    ],
)
def test_what_does_not_fit_the_data_is_refused_before_any_work(
    tmp_path: Path, change: dict[str, int], said: str
) -> None:
    job, workspace = training_of(tmp_path / "root", pooled_study(tmp_path, {**change, "layers": [0]}))
    with pytest.raises(InputError) as error:
        job.check(workspace)
    assert said in str(error.value)


def test_a_training_whose_pools_cannot_be_made_has_diverged_and_names_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(*given: object, **named: object) -> None:
        raise DivergedError("not finite")

    monkeypatch.setattr(work, "perturbed", diverged)
    with pytest.raises(
        DivergedError, match="models/a/seed-0: the training diverged, not finite; there is no checkpoint"
    ):
        trained(tmp_path / "root", pooled_study(tmp_path))


def test_metadata_of_pools_and_curve_are_put_back_as_they_were_made(tmp_path: Path) -> None:
    study = pooled_study(tmp_path)
    trained(tmp_path / "root", study)
    job, workspace = training_of(tmp_path / "root", study)
    paths = (layout.pool("a", 0, 1), f"{layout.pool('a', 0, 1)}/values", f"{layout.pool('a', 0, 0)}/round", job.curve)
    files = [tmp_path / "root" / layout.metadata(path) for path in paths]
    before = [json.loads(file.read_bytes()) for file in files]
    for file in files[:2]:
        file.write_bytes(file.read_bytes().replace(b"activation", b"actiwation").replace(b'"a"', b'"b"'))
    for file in files[2:]:
        file.unlink()
    job.fit(workspace)
    assert [json.loads(file.read_bytes()) for file in files] == before
    receipt = job.receipt(workspace, 0)
    assert receipt is not None
    assert job.damage(workspace, 0, receipt) is None
