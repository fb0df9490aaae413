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
    monkeypatch.setattr(module, "_TYPICAL", {"generate": {"": 1.0}})
    monkeypatch.setattr(module, "_of_iterations", lambda *_: module.Worth(2.0))
    monkeypatch.setattr(module, "_KNOWN", 0.0)
    estimate = Estimate(Tally(*planned, ("train", "generate")))
    assert estimate.said() == "beginning"
    estimate.note(Progress("train", "models/fc10/seed-0", 0, 60, "iterations"), now=100.0)
    estimate.note(Progress("train", "models/fc10/seed-0", 30, 60, "iterations"), now=110.0)
    assert estimate.seconds_left() is None  # ten seconds say little
    estimate.note(Progress("train", "models/fc10/seed-0", 60, 60, "iterations"), now=160.0)
    # 60 of 120 iterations took 60 s, of 2 typical seconds each: half of that, and so do the images
    images = estimate.tally.stages["generate"].total
    assert estimate.seconds_left() == pytest.approx(60 + images / 2)
    estimate.note(Progress("train", "models/fc20-10/seed-0", 60, 60, "iterations"), now=220.0)
    estimate.note(Progress("generate", SET, 50, 50, "images"), now=230.0)
    # now images take the time of images, ten seconds since the stage before was last told of, beside a fifth of them
    # at the run's pace, which is 130 s for 240 and 50 typical ones
    rate = (10 + images / 5 * 130 / 290) / (50 + images / 5)
    assert estimate.seconds_left() == pytest.approx((images - 50) * rate)
    said = estimate.said(now=datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert said.startswith(f"generate: 50 of {images} images; about ")
    assert said.endswith(" UTC")


def test_a_job_weighs_what_its_model_does() -> None:
    mnist = BUILT_IN["mnist"][0]
    linear, codes, conv = (f"sets/{name}/seed-0/train/nearest" for name in ("fc10-1", "ae400-10", "conv24-48-100-10"))
    of_linear, of_codes, of_conv = (typical_seconds(mnist, "generate", key).a_unit for key in (linear, codes, conv))
    assert of_conv > 5 * of_codes > 10 * of_linear
    shown = "transfer/conv24-48-100-10/fc10-1/seed-0"  # the reader does the work
    assert typical_seconds(mnist, "transfer", shown) == typical_seconds(
        mnist, "transfer", "transfer/clean/fc10-1/seed-0"
    )
    certified, bounded = (f"{kind}/conv24-48-100-10/seed-0" for kind in ("certified", "spectral"))
    assert typical_seconds(mnist, "bounds", certified).a_unit > 10 * typical_seconds(mnist, "bounds", bounded).a_unit
    assert typical_seconds(mnist, "norms", "norms/fc10-1/seed-0").of(3) == 3  # of a stage that somebody else added


def test_a_job_weighs_by_its_images() -> None:
    mnist = BUILT_IN["mnist"][0]
    conv, codes, pair = "models/conv24-48-100-10/seed-0", "models/ae400-10/seed-0", "transfer/fc10-1/fc10-1/seed-0"
    few, many = (typical_seconds(mnist, "train", conv, images=images) for images in (1000, 60_000))
    assert many.of(10) == pytest.approx(60 * few.of(10))
    few, many = (typical_seconds(mnist, "train", codes, images=images) for images in (1000, 60_000))
    assert 10 * few.of(10) < many.of(10) < 60 * few.of(10)  # the start matrix costs the same
    few, many = (typical_seconds(mnist, "transfer", pair, images=images) for images in (100, 100_000))
    assert 2 * few.of(1) < many.of(1) < 100 * few.of(1)  # what is written of a pair costs the same


@pytest.mark.parametrize(
    "key", ["sets/efficientnet-lite0/seed-0/test/class-9", "transfer/clean/efficientnet-lite0/seed-0"]
)
def test_pictures_take_longer_than_digits_and_what_looks_at_none_does_not(key: str) -> None:
    """Else a run on pictures, two hundred times slower than was thought, would tell of days for its last tables."""
    study, stage = BUILT_IN["imagenet"][0], "generate" if key.startswith("sets") else "transfer"
    digits, pictures = (typical_seconds(study, stage, key, values=values) for values in (784, 3 * 224 * 224))
    assert pictures.a_unit > 20 * digits.a_unit
    read = typical_seconds(study, "train", "models/efficientnet-lite0/seed-0", images=50_000, values=3 * 224 * 224)
    assert read.of(1) == 1
    for stage, key in (
        ("tables", "tables/table1"),
        ("units", "units/efficientnet-lite0"),
        ("quocnet", "quocnet/stage-1"),
    ):
        assert typical_seconds(study, stage, key, values=3 * 224 * 224) == typical_seconds(study, stage, key)


def test_trainings_end_before_their_limit() -> None:
    """A limit of 2000 iterations is far beyond the end: what is done tells how far it is, not what may be."""
    mnist = BUILT_IN["mnist"][0]
    worth = typical_seconds(mnist, "train", "models/fc100-100-10/seed-0", images=60_000)
    assert worth.of(80) == pytest.approx(worth.of(2000) / 2)
    assert worth.of(160) == worth.of(2000)
    # an autoencoder's iterations are all done, and those of the softmax on its codes are next to nothing
    codes = typical_seconds(mnist, "train", "models/ae400-10/seed-0", images=60_000)
    assert codes.of(mnist.training.autoencoder.iterations) == codes.of(2000)


def test_a_training_weighs_by_its_weights_and_images() -> None:
    """As measured: seconds an iteration of 784-10, of 784-100-100-10, of 784-200-200-10, and of the autoencoder."""
    mnist = BUILT_IN["mnist"][0]
    names = ("fc10-1", "fc100-100-10", "fc200-200-10", "ae400-10")
    rates = [typical_seconds(mnist, "train", f"models/{name}/seed-0", images=60_000).a_unit for name in names]
    for rate, measured in zip(rates, (0.1, 0.4, 0.8, 2.6), strict=True):
        assert measured / 1.3 < rate < 1.3 * measured


def test_the_first_jobs_alone_do_not_say_how_fast_the_run_is(
    planned: tuple[Workspace, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that is slow in its first seconds does not make the whole as slow."""
    monkeypatch.setattr(module, "_TYPICAL", {"generate": {"": 1.0}})
    monkeypatch.setattr(module, "_of_iterations", lambda *_: module.Worth(2.0))
    for workers in (1, 2):
        estimate = Estimate(Tally(*planned, ("train", "generate")), workers=workers)
        images, known = estimate.tally.stages["generate"].total, 20.0
        estimate.note(Progress("train", "models/fc10/seed-0", 0, 60, "iterations"), now=0.0)
        estimate.note(Progress("train", "models/fc10/seed-0", 2, 60, "iterations"), now=20.0)  # five times as slow
        left, pace = estimate.seconds_left(), (20 + known / workers) / (4 + known)
        trainings = 20 + 0.2 * 240 * pace
        assert left == pytest.approx(236 * trainings / (4 + 0.2 * 236) + images * pace, rel=0.05)
        assert pace < 2


def test_the_images_of_jobs(planned: tuple[Workspace, Plan]) -> None:
    tally = Tally(*planned)
    assert tally.images("models/fc10/seed-0") == 500
    assert (
        tally.images("transfer/fc10/fc20-10/seed-0") == 2 * 4 * 50
    )  # two rules, as stored and amplified in three ways
    assert tally.images("transfer/clean/fc10/seed-0") == 500 + 10_000
    assert tally.images("transfer/noise-1/fc10/seed-0") == 50
    assert tally.images("tables/table1") == 1


def test_what_was_done_before_is_no_pace(planned: tuple[Workspace, Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KNOWN", 0.0)
    tally = Tally(*planned, ("generate",))
    for key, job in tally.jobs.items():
        if "fc20-10" in key:
            tally.jobs[key] = replace(job, before=job.total)
    estimate = Estimate(tally)
    assert 0 < estimate.percent() < 100
    estimate.note(Progress("generate", SET, 0, 50, "images"), now=0.0)
    estimate.note(Progress("generate", SET, 50, 50, "images"), now=20.0)
    left = sum(
        typical_seconds(tally.study, "generate", key).of(job.total - job.before) for key, job in tally.jobs.items()
    )
    one = typical_seconds(tally.study, "generate", SET).of(50)
    assert estimate.seconds_left() == pytest.approx(20 * (left - one) / one)


def test_a_time_is_said_as_people_say_it() -> None:
    assert [duration(seconds) for seconds in (10, 200, 7200)] == ["a minute", "3 min", "2.0 h"]
