"""How far a run is: a share that only grows, and an end that is reckoned from what the run itself has done."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blindspots.jobs.job import Progress
from blindspots.jobs.opening import open_root
from blindspots.jobs.plan import Plan, make_plan
from blindspots.jobs.workspace import Workspace
from blindspots.study.built_in import BUILT_IN
from blindspots.study.study import Study
from flows.operating import estimate as module
from flows.operating.estimate import Estimate, duration, typical_seconds
from flows.operating.tally import Tally

SET = "sets/fc10/seed-0/train/nearest"


@pytest.fixture
def planned(tiny: Study, tmp_path: Path, mnist: object) -> tuple[Workspace, Plan]:
    """The tiny study in a new root."""
    workspace = open_root(tiny, tmp_path / "new").workspace
    return workspace, make_plan(workspace)


def test_the_share_grows_from_nothing_to_the_whole(planned: tuple[Workspace, Plan]) -> None:
    workspace, plan = planned
    estimate = Estimate(Tally(workspace, plan))
    shares = [estimate.percent()]
    for job in plan.jobs:
        size = sum(job.size(workspace, shard) for shard in range(job.shards(workspace)))
        estimate.note(Progress(job.stage, job.key, size, size, job.unit))
        shares.append(estimate.percent())
    assert shares[0] == 0
    assert shares[-1] == pytest.approx(100)
    assert shares == sorted(shares)


def test_the_end_follows_from_the_pace_of_the_run(
    planned: tuple[Workspace, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TYPICAL", {"train": {"": 2.0}, "generate": {"": 1.0}})
    estimate = Estimate(Tally(*planned, ("train", "generate")))
    assert estimate.said() == "beginning"
    estimate.note(Progress("train", "models/fc10/seed-0", 0, 60, "iterations"), now=100.0)
    estimate.note(Progress("train", "models/fc10/seed-0", 30, 60, "iterations"), now=110.0)
    assert estimate.seconds_left() is None  # ten seconds say little
    estimate.note(Progress("train", "models/fc10/seed-0", 60, 60, "iterations"), now=160.0)
    # 60 of 120 iterations took 60 s, of 2 typical seconds each: half as long as typical, so are the images
    images = estimate.tally.stages["generate"].total
    assert estimate.seconds_left() == pytest.approx(60 + images / 2)
    estimate.note(Progress("train", "models/fc20-10/seed-0", 60, 60, "iterations"), now=220.0)
    estimate.note(Progress("generate", SET, 50, 50, "images"), now=230.0)
    # from now on images take the time of images: ten seconds since the last was told of the stage before
    assert estimate.seconds_left() == pytest.approx((images - 50) * 10 / 50)
    said = estimate.said(now=datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert said.startswith(f"generate: 50 of {images} images; about ")
    assert said.endswith(" UTC")


def test_a_job_weighs_what_its_model_does() -> None:
    mnist = BUILT_IN["mnist"][0]
    linear, conv = "sets/fc10-1/seed-0/train/nearest", "sets/conv24-48-100-10/seed-0/train/nearest"
    assert typical_seconds(mnist, "generate", conv) > 20 * typical_seconds(mnist, "generate", linear)
    shown = "transfer/conv24-48-100-10/fc10-1/seed-0"  # the reader does the work
    assert typical_seconds(mnist, "transfer", shown) == typical_seconds(
        mnist, "transfer", "transfer/clean/fc10-1/seed-0"
    )
    assert typical_seconds(mnist, "norms", "norms/fc10-1/seed-0") == 1  # of a stage that somebody else added


def test_what_was_done_before_is_no_pace(planned: tuple[Workspace, Plan]) -> None:
    tally = Tally(*planned, ("generate",))
    for key, job in tally.jobs.items():
        if "fc20-10" in key:
            tally.jobs[key] = replace(job, before=job.total)
    estimate = Estimate(tally)
    assert 0 < estimate.percent() < 100
    estimate.note(Progress("generate", SET, 0, 50, "images"), now=0.0)
    estimate.note(Progress("generate", SET, 50, 50, "images"), now=20.0)
    left = sum(
        typical_seconds(tally.study, "generate", key) * (job.total - job.before) for key, job in tally.jobs.items()
    )
    one = 50 * typical_seconds(tally.study, "generate", SET)
    assert estimate.seconds_left() == pytest.approx(20 * (left - one) / one)


def test_a_time_is_said_as_people_say_it() -> None:
    assert [duration(seconds) for seconds in (10, 200, 7200)] == ["a minute", "3 min", "2.0 h"]
