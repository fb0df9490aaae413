import pickle
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import obstore
import pytest

from blindspots.errors import LostLeaseError
from blindspots.store import layout
from blindspots.store.arrays import Variable, create_group, write_shard
from blindspots.store.place import Place
from blindspots.store.places import holding
from blindspots.store.places.bucket import opened_bucket

VARIABLES = {"x": Variable("int16", "a number")}


@pytest.fixture
def place() -> Iterator[Place]:
    """A place whose lease this process holds and is about to lose."""
    found = Place.at(f"memory://bucket/{uuid.uuid4().hex}")
    create_group(found, "g", VARIABLES, dim="example", rows=2, shard=2, attributes={})
    found.write("a", b"1")
    with found.locked(layout.LOCK):
        yield found


def lose(place: Place) -> None:
    holding._held[place.address]._lost = "a test took it"  # type: ignore[attr-defined]


def test_a_run_that_lost_its_lease_writes_nothing_in_any_way(place: Place) -> None:
    before = {key: place.read(key) for key in place.files()}
    lose(place)
    for write in (
        lambda: place.write("b", b""),
        lambda: place.create("b", b""),
        lambda: place.delete("a"),
        lambda: place.delete_all("study.zarr"),
        lambda: place.copy("a", "b"),
        lambda: place.replace_all("study.zarr", "b"),
        lambda: write_shard(place, "g", 0, 2, {"x": np.arange(2, dtype=np.int16)}),
        lambda: create_group(place, "h", VARIABLES, dim="example", rows=2, shard=2, attributes={}),
    ):
        with pytest.raises(LostLeaseError, match=r"a test took it.* and writes nothing more; what is done is kept"):
            write()
    assert {key: place.read(key) for key in place.files()} == before


def test_what_was_begun_under_a_lease_that_was_lost_writes_nothing_afterwards_either() -> None:
    place = Place.at(f"memory://bucket/{uuid.uuid4().hex}")
    with place.locked(layout.LOCK):
        place.write("a", b"1")
        lose(place)
    for write in (lambda: place.write("a", b"2"), lambda: place.delete("a")):
        with pytest.raises(LostLeaseError, match=r"a test took it.* and writes nothing more"):
            write()
    assert place.read("a") == b"1"
    held = holding._lost[place.address].owner  # type: ignore[attr-defined]
    assert holding.owner_of(place.address) == held  # type: ignore[attr-defined]  # so that a worker asks after it
    obstore.delete(place.bucket, place.whole_key(layout.LOCK))  # type: ignore[attr-defined]
    with place.locked(layout.LOCK):
        place.write("a", b"2")
    place.write("a", b"3")
    assert holding.owner_of(place.address) == ""  # type: ignore[attr-defined]


def test_a_lease_is_held_until_the_last_of_those_who_hold_it_in_this_process_ends() -> None:
    place = Place.at(f"memory://bucket/{uuid.uuid4().hex}")
    with ExitStack() as first, ExitStack() as second:
        assert not first.enter_context(place.locked(layout.LOCK))
        assert second.enter_context(place.locked(layout.LOCK))
        first.close()
        assert place.has(layout.LOCK)
        lose(place)
        with pytest.raises(LostLeaseError):
            place.write("a", b"1")
    with pytest.raises(LostLeaseError):
        place.write("a", b"1")


def test_who_holds_no_lease_and_works_for_nobody_is_not_asked() -> None:
    place = Place.at(f"memory://bucket/{uuid.uuid4().hex}")
    place.write("a", b"")
    assert place.has("a")


@pytest.mark.xdist_group("s3")
@pytest.mark.usefixtures("s3")
def test_a_worker_writes_for_the_run_that_sent_it_the_place_and_for_no_other() -> None:
    place = Place.at(f"s3://tests/{uuid.uuid4().hex}")
    with place.locked(layout.LOCK):
        sent = pickle.dumps(place)
    with place.locked(layout.LOCK):
        new = pickle.dumps(place)
        held = holding._held.pop(place.address)  # type: ignore[attr-defined]  # as in a worker's process
        try:
            worker = pickle.loads(new)
            assert worker == place
            worker.write("a", b"1")
            pickle.loads(pickle.dumps(worker)).write("b", b"1")
            of_before = pickle.loads(sent)
            with pytest.raises(LostLeaseError, match="does not hold"):
                of_before.write("a", b"2")
        finally:
            holding._held[place.address] = held  # type: ignore[attr-defined]
    assert (place.read("a"), place.read("b")) == (b"1", b"1")


def test_a_lease_goes_with_the_block_whatever_ends_it() -> None:
    place = Place.at(f"memory://bucket/{uuid.uuid4().hex}")

    def stopped() -> None:
        with place.locked(layout.LOCK):
            assert place.has(layout.LOCK)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(place.files()) == []
    assert not list(obstore.list(opened_bucket("memory", "bucket"), place.whole_key("")))  # type: ignore[attr-defined]
