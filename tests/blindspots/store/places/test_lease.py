import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import sleep
from typing import Any

import obstore
import pytest

from blindspots.errors import InputError, LostLeaseError
from blindspots.store.places import lease as leases
from blindspots.store.places.bucket import opened_bucket
from blindspots.store.places.lease import PACE, Lease, Pace, Watch, read_lease
from tests.s3_server import Server, times

KEY = "root/run.lock"


class Clock:
    """A clock that goes on while somebody sleeps, and when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.meanwhile: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(leases, "uptime", lambda: made.now)
    monkeypatch.setattr(leases, "sleep", made.sleep)
    keep = Lease._keep  # which waits by the real clock: on a busy machine a test takes as long as a heartbeat
    monkeypatch.setattr(Lease, "_keep", lambda lease: keep(lease) if lease.pace.beat < 1 else None)
    return made


@pytest.fixture(
    params=[
        "memory",
        pytest.param("s3", marks=pytest.mark.xdist_group("s3")),
        pytest.param("az", marks=pytest.mark.faults),  # by hand, with Azurite
    ]
)
def bucket(request: pytest.FixtureRequest) -> Any:
    if request.param in ("s3", "az"):
        request.getfixturevalue(request.param)
        found = opened_bucket(request.param, "tests")
        with suppress(FileNotFoundError):
            obstore.delete(found, KEY)
        return found
    return opened_bucket("memory", uuid.uuid4().hex)


@pytest.fixture
def lease(bucket: Any) -> Iterator[Lease]:
    taken = new(bucket)
    taken.take()
    yield taken
    taken.release()


def new(bucket: Any, pace: Pace = PACE) -> Lease:
    return Lease(bucket, KEY, "s3://bucket/root", pace)


def seen_by(lease: Lease, owner: str) -> Watch:
    return Watch(owner, lambda: read_lease(lease.bucket, KEY, "root"), "s3://bucket/root")


def test_a_lease_says_whose_it_is_and_goes_when_it_is_given_back(bucket: Any) -> None:
    one = new(bucket)
    one.take()
    said = json.loads(bytes(obstore.get(bucket, KEY).bytes()))
    assert said["owner"] == one.owner
    assert said.keys() >= {"host", "process", "machine", "since", "time", "beats", "dead_after_seconds"}
    one.check()
    one.release()
    assert read_lease(bucket, KEY, "root") is None


def test_a_living_owner_is_seen(lease: Lease, clock: Clock) -> None:
    clock.meanwhile = lambda: clock.now < 1008 or lease._renewed()
    with pytest.raises(InputError, match=r"another run is at work in s3://bucket/root, on .* \(process \d+\); wait"):
        new(lease.bucket).take()
    assert clock.now < 1009
    lease.check()


def test_a_dead_owner_is_followed_and_writes_no_more(
    lease: Lease, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    follower = new(lease.bucket)
    follower.take()
    follower.check()
    assert clock.now > 1000 + PACE.dead
    assert "that held s3://bucket/root is dead; its lease is taken over" in caplog.text
    with pytest.raises(LostLeaseError, match=r"this run has lost s3://bucket/root \(.*\) and writes nothing more"):
        lease.check()
    assert not lease._renewed()
    lease.release()
    seen = read_lease(lease.bucket, KEY, "root")
    assert seen is not None
    assert seen.owner == follower.owner
    follower.release()


def left_by(bucket: Any, **said: Any) -> Lease:
    """Return the lease that a process left, of this machine where nothing else is said."""
    left = new(bucket)
    content = {**json.loads(left._content()), **said}
    obstore.put(bucket, KEY, json.dumps(content).encode())
    return left


@pytest.fixture
def dead() -> int:
    """The number of a process that was."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


linux = pytest.mark.skipif(sys.platform != "linux", reason="where a process that is gone is known to be")


@linux
def test_who_is_seen_to_be_dead_is_followed_at_once_and_what_he_sent_waited_for(
    bucket: Any, dead: int, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    left = left_by(bucket, process=dead)
    worker, seen_at = seen_by(left, left.owner), []
    worker.check()

    def see() -> None:
        with pytest.raises(LostLeaseError):
            worker.check()
        seen_at.append(clock.now)

    clock.meanwhile = see
    follower = new(bucket)
    follower.take()
    assert seen_at[0] - 1000 <= 1 < leases.QUIET_SECONDS <= clock.now - 1000 < PACE.fence
    assert f"(process {dead}) that held s3://bucket/root is dead" in caplog.text
    follower.check()
    follower.release()
    assert read_lease(bucket, KEY, "root") is None


@linux
@pytest.mark.parametrize(
    "said",
    [{"machine": "another"}, {"machine": ""}, {"machine": None}, {"process": os.getpid()}],
    ids=["another", "empty", "none", "alive"],
)
def test_who_may_live_elsewhere_is_watched(bucket: Any, dead: int, clock: Clock, said: dict[str, Any]) -> None:
    left_by(bucket, **{"process": dead, **said})
    follower = new(bucket)
    follower.take()
    assert clock.now > 1000 + PACE.dead
    follower.release()


@linux
def test_who_is_stopped_while_he_waits_leaves_the_lease(bucket: Any, dead: int, clock: Clock) -> None:
    left_by(bucket, process=dead)
    follower = new(bucket)

    def stop() -> None:
        raise KeyboardInterrupt

    clock.meanwhile = stop
    with pytest.raises(KeyboardInterrupt):
        follower.take()
    seen = read_lease(bucket, KEY, "root")
    assert seen is not None
    assert seen.owner == follower.owner


def test_of_two_followers_one_has_the_lease(lease: Lease, clock: Clock) -> None:
    first, second = new(lease.bucket), new(lease.bucket)

    def first_is_quicker() -> None:
        seen = read_lease(lease.bucket, KEY, "root")
        if clock.now > 1000 + PACE.dead and seen is not None and seen.owner == lease.owner:
            assert first._took_over(seen)

    clock.meanwhile = first_is_quicker
    with pytest.raises(InputError, match="another run is at work"):
        second.take()
    first.check()
    assert not second._took_over(leases.Seen("", "", 0, 0, lease._version))


def test_an_owner_writes_no_more_before_anybody_can_have_followed(lease: Lease, clock: Clock) -> None:
    clock.now += PACE.fence - 1
    lease.check()
    clock.now += 2
    with pytest.raises(LostLeaseError, match="could not be renewed in time"):
        lease.check()
    assert PACE.fence + leases.IN_FLIGHT_SECONDS <= PACE.dead
    assert lease._renewed()  # it is the same still, and nobody had it meanwhile
    lease.check()


def test_an_owner_whose_lease_is_another_s_notices(bucket: Any) -> None:
    lease = new(bucket, Pace(beat=0.01))
    lease.take()
    obstore.put(bucket, KEY, b'{"owner": "somebody"}')
    assert lease._keeper is not None
    lease._keeper.join(timeout=10)
    with pytest.raises(LostLeaseError, match="another run has taken it over"):
        lease.check()
    lease.release()
    assert bytes(obstore.get(bucket, KEY).bytes()) == b'{"owner": "somebody"}'


def test_an_owner_says_again_and_again_that_it_lives(bucket: Any) -> None:
    lease = new(bucket, Pace(beat=0.01))
    lease.take()
    while lease._beats < 4:
        sleep(0.01)
    lease.check()
    lease.release()
    assert read_lease(bucket, KEY, "root") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"[" * 200_000, b'{"owner": 5, "host": 1, "process": "x"}'],
    ids=["empty", "list", "nothing", "nested", "other"],
)
def test_what_is_no_lease_is_followed_once_it_does_not_change(bucket: Any, content: bytes, clock: Clock) -> None:
    obstore.put(bucket, KEY, content)
    follower = new(bucket)
    follower.take()
    follower.check()
    assert clock.now > 1000 + PACE.dead
    follower.release()


@pytest.mark.parametrize("said", [float("nan"), 1e300, float("inf"), -1, 0, 10**400], ids=str)
def test_who_says_that_he_is_never_dead_is_followed_as_any_other(bucket: Any, clock: Clock, said: float) -> None:
    left_by(bucket, machine="another", dead_after_seconds=said)

    def end() -> None:
        assert clock.now < 1000 + 2 * PACE.dead, "it is waited for ever"

    clock.meanwhile = end
    follower = new(bucket)
    follower.take()
    follower.check()
    assert clock.now > 1000 + PACE.dead
    follower.release()


def test_a_worker_writes_while_its_run_says_that_it_lives(lease: Lease, clock: Clock) -> None:
    watch = seen_by(lease, lease.owner)
    for _ in range(5):
        watch.check()
        clock.now += PACE.fence - 1
        lease._renewed()
    watch.check()
    clock.now += PACE.fence + 1
    with pytest.raises(LostLeaseError, match="has not said for a while that it holds s3://bucket/root"):
        watch.check()


def test_a_worker_of_a_run_that_has_no_lease_does_not_write(lease: Lease) -> None:
    with pytest.raises(LostLeaseError, match="does not hold s3://bucket/root any more"):
        seen_by(lease, "another").check()
    lease.release()
    with pytest.raises(LostLeaseError, match="does not hold"):
        seen_by(lease, lease.owner).check()


def test_a_worker_looks_once_a_second(lease: Lease, clock: Clock) -> None:
    looks: list[int] = []
    watch = Watch(lease.owner, lambda: looks.append(1) or read_lease(lease.bucket, KEY, "root"), "root")
    for _ in range(50):
        watch.check()
        clock.now += 0.1
    assert len(looks) == 5


@pytest.mark.xdist_group("s3")
def test_answers_that_are_lost_and_servers_that_are_down_for_a_while_cost_no_lease(s3: Server) -> None:
    lease = new(opened_bucket("s3", "tests"))
    with s3.failing(times(1, "lost", of="PUT /tests/root/run.lock")):
        lease.take()
    with s3.failing(times(2, "lost", of="PUT /tests/root/run.lock")):
        assert lease._renewed()
    with s3.failing(times(2, "503 Slow Down")):
        assert lease._renewed()
    lease.release()
    assert read_lease(lease.bucket, KEY, "root") is None
