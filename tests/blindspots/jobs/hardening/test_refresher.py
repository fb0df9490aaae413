"""Pools made by several hands: the same weights whoever makes them, however late, and whatever is killed."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from blindspots.jobs.hands import OwnHands
from blindspots.jobs.hardening import work as module
from blindspots.jobs.hardening.refresher import StoredRefresher
from blindspots.jobs.hardening.work import PoolWork, make_part
from blindspots.jobs.job import Progress
from blindspots.jobs.stages import trainings
from blindspots.jobs.stages.given_models import GivenModel
from blindspots.jobs.stages.trainings import TrainingJob
from blindspots.store import layout
from blindspots.study.study import Study
from blindspots.training.hardening import refreshing
from blindspots.training.hardening.refreshing import Weights
from blindspots.training.lbfgs import DivergedError
from blindspots.training.phases import train
from tests.small_pools import ROUNDS, assert_same, pooled_study, trained, training_of


class Several:
    """Hands that do parts at once, in threads, in any order, each as late as it likes."""

    def __init__(self, count: int) -> None:
        self.pool, self.random = ThreadPoolExecutor(count), random.Random(count)

    def map(self, function: Callable[[Any], Any], parts: Sequence[Any]) -> Iterator[Any]:
        order = self.random.sample(range(len(parts)), len(parts))

        def late(part: Any) -> Any:
            time.sleep(0.002 * self.random.random())
            return function(part)

        calls = {at: self.pool.submit(late, parts[at]) for at in order}
        return (calls[at].result() for at in range(len(parts)))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut a round's twelve rows into three parts a layer, and keep a checkpoint of every epoch."""
    monkeypatch.setattr(refreshing, "PART", 5)
    monkeypatch.setattr(trainings, "_PACE", 0.0)


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, torch.Tensor]:
    """The weights that one process leaves."""
    return trained(tmp_path / "alone", pooled_study(tmp_path))


def test_the_store_changes_nothing(tmp_path: Path, alone: dict[str, torch.Tensor]) -> None:
    study = pooled_study(tmp_path)
    _, workspace = training_of(tmp_path / "alone", study)
    ids = workspace.examples("train", 30)
    images, labels = workspace.dataset.images("train", ids), workspace.dataset.labels("train", ids)
    *_, last = train(study.models[0], study.training, images, labels, seed=0, classes=2)
    assert_same(last.weights, alone)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_number_of_hands_and_the_order_of_their_work_change_nothing(
    tmp_path: Path, alone: dict[str, torch.Tensor], count: int
) -> None:
    assert_same(trained(tmp_path / "several", pooled_study(tmp_path), Several(count)), alone)


def test_without_delay_it_is_another_training(tmp_path: Path, alone: dict[str, torch.Tensor]) -> None:
    at_once = trained(tmp_path / "at-once", pooled_study(tmp_path, {"delay": 0}))
    assert not torch.equal(at_once["layers.1.weight"], alone["layers.1.weight"])


@pytest.mark.parametrize("number", random.Random(7).sample(range(1, ROUNDS), 4))
def test_a_kill_of_the_trainer_in_any_round_changes_nothing(
    tmp_path: Path, alone: dict[str, torch.Tensor], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of odd rounds before their parts are handed out, of even ones when they are made and not yet taken."""
    root, study = tmp_path / "killed", pooled_study(tmp_path)
    killed_at(root, study, number, monkeypatch)
    said = list[Progress]()
    assert_same(trained(root, study, said=said), alone)
    resumed = [line.message for line in said if "goes on from iteration" in line.message]
    assert bool(resumed) == (number > 2)  # two rounds an epoch: its end leaves a checkpoint
    assert not (root / layout.pool_work("a", 0)).exists()


def killed_at(root: Path, study: Study, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in a process that kills itself when it has the parts of a round made."""
    plain = StoredRefresher.begin

    def begin(self: StoredRefresher, at: int, weights: Weights) -> None:
        if at == number and number % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        plain(self, at, weights)
        if at == number:
            for _ in self._under_way[number]:
                pass
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        monkeypatch.setattr(StoredRefresher, "begin", begin)
        try:
            trained(root, study)
        finally:
            os._exit(1)  # it was not killed
    monkeypatch.setattr(StoredRefresher, "begin", plain)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


LBFGS = {"lbfgs": {"rounds": 5, "iterations": 3}}


@pytest.fixture
def by_lbfgs(tmp_path: Path) -> dict[str, torch.Tensor]:
    """The weights that one process leaves where L-BFGS is the trainer."""
    return trained(tmp_path / "alone", pooled_study(tmp_path, LBFGS))


def test_l_bfgs_with_any_number_of_hands_leaves_the_same_weights(
    tmp_path: Path, by_lbfgs: dict[str, torch.Tensor]
) -> None:
    study = pooled_study(tmp_path, LBFGS)
    for count in (1, 2, 4):
        said = list[Progress]()
        assert_same(trained(tmp_path / f"{count}", study, Several(count), said=said), by_lbfgs)
    assert any("rounds old, made in" in each.message for each in said)
    at_once = trained(tmp_path / "at-once", pooled_study(tmp_path, {**LBFGS, "delay": 0}))
    assert not torch.equal(at_once["layers.1.weight"], by_lbfgs["layers.1.weight"])


@pytest.mark.parametrize("number", [1, 4])
def test_a_kill_between_rounds_of_l_bfgs_changes_nothing(
    tmp_path: Path, by_lbfgs: dict[str, torch.Tensor], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, study = tmp_path / "killed", pooled_study(tmp_path, LBFGS)
    killed_at(root, study, number, monkeypatch)
    said = list[Progress]()
    assert_same(trained(root, study, said=said), by_lbfgs)
    assert any("goes on from iteration" in line.message for line in said) == (number > 1)
    assert not (root / layout.pool_work("a", 0)).exists()


def test_parts_that_are_there_are_not_made_again(
    tmp_path: Path, alone: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, workspace = training_of(tmp_path / "again", pooled_study(tmp_path))
    work = PoolWork(workspace, "a", 0, job.identity(workspace, 0) or "")
    work.leave_weights(1, alone)
    made, plain = list[int](), module.perturbed
    monkeypatch.setattr(module, "perturbed", lambda *given, **named: made.append(1) or plain(*given, **named))
    assert [make_part(work, part) > 0 for part in work.parts(1)] == [True] * 6
    assert [make_part(work, part) for part in work.parts(1)] == [0] * 6
    assert len(made) == 6
    work.leave_weights(1, {name: tensor + 1 for name, tensor in alone.items()})  # others: what was made is of no use
    assert make_part(work, work.parts(1)[0]) > 0


def test_a_training_that_fails_has_nothing_more_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = list[int]()

    class Waiting(OwnHands):
        def map(self, function: Any, parts: Sequence[Any]) -> Iterator[Any]:
            made = self.begun(function, parts)
            next(made)
            return made

        def begun(self, function: Any, parts: Sequence[Any]) -> Iterator[Any]:
            try:
                yield None
                yield from map(function, parts)
            finally:
                if parts != [0]:
                    given_up.append(parts[0][0])

    def diverge(*_: object) -> None:
        raise DivergedError("the loss is nan")

    monkeypatch.setattr(StoredRefresher, "take", diverge)
    with pytest.raises(DivergedError, match="the loss is nan"):
        trained(tmp_path / "fails", pooled_study(tmp_path), Waiting())
    assert given_up == [1]


def test_what_a_training_with_pools_left_goes_with_it(tmp_path: Path) -> None:
    """Where the model has none any more: weights of a round, and its pools."""
    study = pooled_study(tmp_path)
    trained(tmp_path / "a", study)
    plain = study.models[0].model_copy(update={"pools": None})
    job, workspace = training_of(tmp_path / "a", study.model_copy(update={"models": (plain,)}))
    assert type(job) is TrainingJob
    for left in (layout.pool_weights("a", 0, 3), layout.checkpoint("a", 0)):
        workspace.place.write(left, b"left")
    job.prepare(workspace)
    assert not workspace.place.has_folder(layout.pool_work("a", 0))
    assert not workspace.place.has_folder(layout.pools("a", 0))
    trained(tmp_path / "b", study)
    workspace = training_of(tmp_path / "b", study)[1]
    workspace.place.write(layout.pool_weights("a", 0, 3), b"left")
    GivenModel("a").prepare(workspace)
    assert not workspace.place.has_folder(layout.pool_work("a", 0))
    assert not workspace.place.has_folder(layout.pools("a", 0))


def test_a_part_that_is_damaged_is_made_again(tmp_path: Path, alone: dict[str, torch.Tensor]) -> None:
    root = tmp_path / "damaged"

    class Damaging(OwnHands):
        def map(self, function: Any, parts: Sequence[Any]) -> Iterator[Any]:
            done = list(map(function, parts))
            if len(parts) > 1 and parts[0][0] == 3:
                (root / layout.pool_part("a", 0, *parts[1])).write_bytes(b"nothing")
            return iter(done)

    assert_same(trained(root, pooled_study(tmp_path), Damaging()), alone)


def test_progress_tells_how_old_the_pools_are_and_how_long_was_waited(tmp_path: Path) -> None:
    said = list[Progress]()
    trained(tmp_path / "said", pooled_study(tmp_path), said=said)
    lines = [each.message for each in said if "minibatches: epoch" in each.message]
    assert len(lines) == 4
    assert all("rounds old, made in" in line and "s of work, waited" in line for line in lines)
