"""Damage that a plan cannot see, met by whoever reads it."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from blindspots.errors import InputError, StoppedError
from blindspots.jobs import damage
from blindspots.jobs.damage import SentBackError, do
from blindspots.jobs.expansion import expand
from blindspots.jobs.hands import OwnHands
from blindspots.jobs.opening import workspace_of
from blindspots.jobs.run import run_study
from blindspots.jobs.stages.negatives import Negatives
from blindspots.jobs.verification import verify
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.sealing import unseal
from blindspots.study.study import Study
from tests.blindspots.jobs.conftest import changed
from tests.stores import assert_same_content


def test_damage_that_a_job_meets_is_made_again_in_the_same_run(
    tiny: Study, root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for file in (
        "sets/fc10/seed-0/train/random/perturbation/c/1/0/0/0",
        "references/train/noise-1/example/c/0",
        "transfer/misread/c/0/1/0/0/0/0",
    ):
        path = root / "study.zarr" / file
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 16
        path.write_bytes(content)
    more = [*tiny.model_dump(mode="json")["models"], {"name": "other", "decay": [0.5]}]
    study = changed(tiny, models=more)
    ran = run_study(study, root).shards
    assert ran["sets/fc10/seed-0/train/random"] == (1,)
    assert ran["references/train/noise-1"] == (0,)
    assert "sets/fc10/seed-0/train/nearest" not in ran
    made = {key for key in ran if key.startswith("transfer/") and "other" not in key}
    assert made == {
        "transfer/fc10/fc20-10/seed-0"
    }  # the table was laid out anew, and that pair could not be carried over
    assert "met damage, which is made again: sets/fc10/seed-0/train/random shard 1" in caplog.text
    run_study(study, tmp_path / "fresh")
    assert_same_content(root, tmp_path / "fresh")


def test_weights_that_rot_are_trained_again_where_a_set_reads_them(tiny: Study, root: Path, tiny_root: Path) -> None:
    path = root / layout.weights("fc10", 0)
    content = bytearray(path.read_bytes())
    content[-5] ^= 16  # in a tensor: the file can be read
    path.write_bytes(content)
    (root / layout.receipt("sets/fc10/seed-0/train/random", 0)).unlink()
    training = layout.training_job("fc10", 0)
    # what is there of them was read by all these, and may have been as it is now
    readers = {job.key for job in expand(tiny) if training in job.inputs}
    assert set(run_study(tiny, root).shards) == {training, *readers}
    assert_same_content(root, tiny_root)


def test_a_job_that_fails_for_another_reason_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = workspace_of(root)
    job = Negatives(split="train", model="fc10", seed=0)

    def fail(*_: object) -> None:
        raise ValueError("of its own")

    monkeypatch.setattr(Negatives, "compute", fail)
    with pytest.raises(ValueError, match="of its own"):
        do(workspace, job, 0, lambda _: None, OwnHands())
    path = root / "study.zarr/sets/fc10/seed-0/train/nearest/distortion/c/0"
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(SentBackError, match="met damage, which is made again: sets/fc10/seed-0/train/nearest shard 0"):
        do(workspace, job, 0, lambda _: None, OwnHands())
    assert not (root / layout.receipt("sets/fc10/seed-0/train/nearest", 0)).exists()
    assert (root / layout.receipt("sets/fc10/seed-0/train/nearest", 1)).exists()


def test_damage_that_a_reader_refuses_in_a_line_is_made_again_too(tiny: Study, root: Path, tiny_root: Path) -> None:
    """Numbers of examples are read as a set is opened, and who opens it is told in a line what to do about damage."""
    path = root / "study.zarr/references/train/noise-1-clipped/example/c/1"
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    (root / layout.receipt("tables/table2", 0)).unlink()
    ran = run_study(tiny, root).shards
    assert ran["references/train/noise-1-clipped"] == (1,)
    assert "tables/table2" in ran
    assert_same_content(root, tiny_root)


def test_a_job_that_refuses_what_it_is_given_does(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise InputError("no such thing")

    monkeypatch.setattr(Negatives, "compute", refuse)
    with pytest.raises(InputError, match="no such thing"):
        do(workspace_of(root), Negatives(split="train", model="fc10", seed=0), 0, lambda _: None, OwnHands())


def test_what_is_damaged_again_and_again_ends_the_run(tiny: Study, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / layout.receipt("negatives/fc10/seed-0", 0)).unlink()
    tries = []

    def meet(*_: object) -> None:
        tries.append(1)
        raise SentBackError("negatives/fc10/seed-0", ("a shard: it rots",))

    monkeypatch.setattr(Negatives, "run", meet)
    with pytest.raises(SentBackError, match="it rots"):
        run_study(tiny, root)
    assert len(tries) == 3


def test_what_read_a_shard_of_another_content_is_made_again_in_the_same_run(
    tiny: Study, root: Path, tiny_root: Path
) -> None:
    """A table was drawn from a file that was swapped; later a job meets damage, and all that it reads is hashed."""
    ours, other = (root / f"study.zarr/sets/{name}/seed-0/train/nearest/distortion/c/0" for name in ("fc10", "fc20-10"))
    ours.write_bytes(other.read_bytes())
    (root / layout.receipt("tables/table1", 0)).unlink()
    assert run_study(tiny, root).shards == {"tables/table1": (0,)}
    path = next(each for each in (root / "study.zarr/negatives/fc10/seed-0/misread/c").rglob("*") if each.is_file())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)
    (root / layout.receipt("tables/negatives", 0)).unlink()
    assert "tables/table1" in run_study(tiny, root).shards
    assert_same_content(root, tiny_root)


def test_text_is_not_decoded_out_of_a_file_that_is_another(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many texts there are is read from the file: where it lies, gigabytes would be asked for."""
    texts = root / layout.chunk("tables/table2", "target", (0,))
    texts.write_bytes((root / layout.chunk("tables/table2", "rate", (0, 0, 0))).read_bytes())
    workspace = workspace_of(root)
    (job,) = (each for each in expand(workspace.study) if each.key == "tables/table2")
    monkeypatch.setattr(type(job), "read", lambda *_: pytest.fail("it was decoded"))
    receipt = job.receipt(workspace, 0)
    assert receipt is not None
    assert "target" in str(job.damage(workspace, 0, receipt))


FLIPS = {
    "training/fc10/seed-0/loss": ('"nat"', '"nau"'),
    "training/fc10/seed-0/phase": ('"shape": [\n    ', '"shape": [\n    1'),
    "training/fc10/seed-0": ('"reason": "', '"reason": "a'),
    "training/fc20-10/seed-0": ('"model": "fc2', '"model": "fc3'),
    "sets/fc10/seed-0/train/nearest/perturbation": ("pixel value", "pixel valuf"),
    "sets/fc10/seed-0/train/nearest": ('"identity": "', '"identity": "a'),
    "negatives/fc10/seed-0/where": ("where the", "where thf"),
    "certified/fc10/seed-0/found": ('"example"', '"examplf"'),
    "predictions/fc10/seed-0/train/random/plain-by-fc20-10": ("class that", "clast that"),
    "predictions/fc10/seed-0/train/random": ("classes that", "clastes that"),
    "predictions/clean/seed-0/test/none/plain-by-fc10": ('"int8"', '"int9"'),
    "transfer/rate": ("error rate", "errnr rate"),
}


@pytest.mark.parametrize("lost", [False, True])
def test_metadata_that_a_killed_run_left_damaged_are_put_back_and_nothing_is_done_again(
    tiny: Study, root: Path, tiny_root: Path, lost: bool
) -> None:
    unseal(Place.at(root))
    for path, (one, other) in FLIPS.items():
        file = root / layout.metadata(path)
        text = file.read_text()
        assert one in text, path
        file.write_text(text.replace(one, other))
        if lost and path not in ("transfer/rate", "negatives/fc10/seed-0/where"):
            file.unlink()
    assert run_study(tiny, root).shards == {}
    for path in FLIPS:
        found, wanted = (json.loads((at / layout.metadata(path)).read_text()) for at in (root, tiny_root))
        assert found == wanted, path
    assert not verify(workspace_of(root)).damaged


@pytest.mark.parametrize(
    "error", [StoppedError("the run was stopped"), torch.OutOfMemoryError("CUDA out of memory")], ids=lambda e: str(e)
)
def test_what_says_nothing_of_damage_has_nothing_read(
    tiny_root: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "send_back", lambda *_: pytest.fail("inputs were read"))

    def run(workspace: Any, shard: int, report: Any, hands: Any) -> None:
        raise error

    job: Any = SimpleNamespace(run=run, key="sets/a", inputs=("models/a",))
    with pytest.raises(type(error), match=str(error)):
        do(workspace_of(tiny_root), job, 0, lambda progress: None, OwnHands())


def test_a_job_for_which_a_gpu_is_full_is_done_once_more(tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindspots.device.time.sleep", lambda seconds: None)
    left = [2]

    def run(workspace: Any, shard: int, report: Any, hands: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise torch.OutOfMemoryError("CUDA out of memory")

    job: Any = SimpleNamespace(run=run, key="sets/a", inputs=())
    do(replace(workspace_of(tiny_root), device="cuda"), job, 0, lambda progress: None, OwnHands())
    assert left == [-1]
