"""The order in which a stage's jobs are done; what is done and to do, in ``test_reuse.py``."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from blindspots.errors import StageFailedError
from blindspots.jobs.job import Job
from blindspots.jobs.plan import Plan, make_plan, waves
from blindspots.jobs.run import run_plan
from blindspots.jobs.stage import STAGES
from blindspots.jobs.stages.features.quocnet import QuocNetStage
from blindspots.jobs.verification import verify
from blindspots.store import layout
from blindspots.store.root import stored
from tests.small_quocnet import small_pictures, small_study, trained
from tests.toys import TOYS, ToyTable, workspace_at


@dataclass(frozen=True)
class Named(Job):
    stage: ClassVar[str] = "train"
    name: str
    reads: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.name

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.reads

    def identity(self, workspace: Any, shard: int) -> str:
        return ""

    def files(self, workspace: Any, shard: int) -> dict[str, str]:
        return {}

    def run(self, workspace: Any, shard: int, report: Any, hands: Any) -> None: ...

    def read(self, workspace: Any, shard: int) -> dict[str, Any]:
        return {}


def test_jobs_that_read_none_of_each_other_are_done_together() -> None:
    jobs = (Named("a", ("elsewhere",)), Named("b"))
    assert waves(jobs) == [jobs]
    assert waves(()) == []


def test_who_reads_comes_after_who_is_read() -> None:
    a, b, c, d = Named("a"), Named("b", ("a",)), Named("c", ("b", "d")), Named("d")
    assert waves((c, b, a, d)) == [(a, d), (b,), (c,)]
    with pytest.raises(ValueError, match="jobs read each other in a circle: x, y"):
        waves((Named("x", ("y",)), Named("y", ("x",)), a))


def test_a_stage_waits_for_the_one_before_it(tmp_path: Any) -> None:
    """The second stage's content cannot be known before the first's is: it is not among what is to do yet."""
    study = small_study(small_pictures(tmp_path / "pictures.npz"), steps=50)
    workspace = trained(tmp_path / "root", study)
    plan = make_plan(workspace)
    assert not any(key.startswith("quocnet") for key in (*plan.to_do, *plan.waiting))
    QuocNetStage(1).forget(workspace, 0)
    plan = make_plan(workspace)
    assert plan.to_do["quocnet/stage-1"] == (0,)
    assert "quocnet/stage-2" in plan.waiting


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STAGES, "_entries", {stage.name: stage for stage in TOYS})


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that a run makes, once it has one."""
    made: list[Plan] = []

    def counted(workspace: Any) -> Plan:
        made.append(make_plan(workspace))
        return made[-1]

    for module in ("plan", "run", "opening"):
        monkeypatch.setattr(f"blindspots.jobs.{module}.make_plan", counted)
    return made


def a_root(kind: str, folder: Path) -> str:
    return str(folder / "root") if kind == "local" else f"memory://plan/{uuid.uuid4().hex}"


SET, TABLE = "sets/fc10/seed-0/train/nearest", "tables/table1"
kinds = pytest.mark.parametrize("kind", ["local", "memory"])


@kinds
@pytest.mark.usefixtures("toys")
def test_a_run_that_nothing_disturbs_makes_no_plan_but_that_of_its_end(
    kind: str, tmp_path: Path, plans: list[Plan]
) -> None:
    workspace = workspace_at(a_root(kind, tmp_path), 0)
    run_plan(workspace, make_plan(workspace), lambda _: None)
    assert [plan.complete for plan in plans] == [True]
    workspace.place.delete(layout.receipt(TABLE, 0))
    run_plan(workspace, make_plan(workspace), lambda _: None)
    assert len(plans) == 2


@kinds
@pytest.mark.usefixtures("toys")
def test_what_another_run_did_before_the_root_was_held_is_not_done_again(
    kind: str, tmp_path: Path, plans: list[Plan]
) -> None:
    workspace = workspace_at(a_root(kind, tmp_path), 0)
    before = make_plan(workspace)
    run_plan(workspace, before, lambda _: None)
    assert run_plan(workspace, before, lambda _: None).shards == {}


@kinds
@pytest.mark.usefixtures("toys")
def test_what_another_run_undid_before_the_root_was_held_is_made(kind: str, tmp_path: Path) -> None:
    workspace, other = (workspace_at(root, seed) for root in [a_root(kind, tmp_path)] for seed in (0, 1))
    run_plan(workspace, make_plan(workspace), lambda _: None)
    workspace.place.delete(layout.receipt(TABLE, 0))
    plan = make_plan(workspace)
    run_plan(other, make_plan(other), lambda _: None)
    assert SET in run_plan(workspace, plan, lambda _: None).shards
    assert make_plan(workspace).complete
    assert not verify(workspace).missing


@pytest.mark.usefixtures("toys")
def test_what_is_undone_while_a_run_is_at_work_is_made_by_another_round(tmp_path: Path) -> None:
    """As by who deletes files by hand."""
    workspace = workspace_at(str(tmp_path / "root"), 0)
    run_plan(workspace, make_plan(workspace), lambda _: None)
    workspace.place.delete(layout.receipt(TABLE, 0))
    finish = ToyTable.finish

    def undoing(self: ToyTable, *arguments: Any, **named: Any) -> None:
        finish(self, *arguments, **named)
        workspace.place.delete(layout.receipt(SET, 1))
        patch.undo()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ToyTable, "finish", undoing)
        assert run_plan(workspace, make_plan(workspace), lambda _: None).shards == {TABLE: (0,), SET: (1,)}
    assert make_plan(workspace).complete


@pytest.mark.usefixtures("toys")
def test_what_is_undone_again_and_again_fails_the_run(tmp_path: Path) -> None:
    workspace = workspace_at(str(tmp_path / "root"), 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ToyTable, "finish", lambda *_, **__: None)
        with pytest.raises(
            StageFailedError, match=r"^1 job\(s\) are to do again after every round, such as tables/table1"
        ):
            run_plan(workspace, make_plan(workspace), lambda _: None)
    there = stored(workspace.place)
    assert there is not None
    assert not there.finished
