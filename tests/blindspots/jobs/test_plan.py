"""The order in which a stage's jobs are done; what is done and to do, in ``test_reuse.py``."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from blindspots.jobs.job import Job
from blindspots.jobs.plan import make_plan, waves
from blindspots.jobs.stages.features.quocnet import QuocNetStage
from tests.small_quocnet import small_pictures, small_study, trained


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
