import pickle
import uuid
from typing import Any

import obstore
import pytest

from blindspots.errors import InputError, OutOfReachError
from blindspots.store.place import Place
from tests.s3_server import Server, times

server = pytest.mark.xdist_group("s3")


@pytest.fixture
def place() -> Place:
    return Place.at(f"memory://bucket/{uuid.uuid4().hex}")


def test_a_file_is_created_once(place: Place) -> None:
    place.create("a", b"1")
    place.create("a", b"1")  # as a request does whose answer was lost
    with pytest.raises(FileExistsError, match=f"another process wrote {place}/a first"):
        place.create("a", b"2")
    assert place.read("a") == b"1"


@pytest.mark.parametrize("change", [{"size": 7}, {"e_tag": '"another"'}])
def test_what_does_not_read_back_as_it_was_written_is_an_error(
    place: Place, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = obstore.head
    monkeypatch.setattr(obstore, "head", lambda bucket, key: {**head(bucket, key), **change})
    with pytest.raises(OutOfReachError, match=f"{place}/a is another object right after it was written"):
        place.write("a", b"1")


def test_what_is_not_there_right_after_it_was_written_is_an_error(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(bucket: object, key: str) -> None:
        raise FileNotFoundError(key)

    monkeypatch.setattr(obstore, "head", lost)
    with pytest.raises(OutOfReachError, match=f"{place}/a is not there right after it was written"):
        place.write("a", b"1")


def test_two_roots_in_one_bucket_do_not_meet(place: Place) -> None:
    other = Place.at(f"{place}-more")
    place.write("a", b"1")
    other.write("a", b"2")
    assert list(place.files()) == list(other.files()) == ["a"]
    place.delete_all("a")
    place.delete_all("")
    assert (place.has_folder(), other.read("a")) == (False, b"2")


def test_what_is_in_memory_goes_to_no_worker(place: Place) -> None:
    with pytest.raises(InputError, match="is in this process alone, and no worker sees it; name a bucket or a folder"):
        pickle.dumps(place)


def test_probes_of_killed_runs_are_removed(place: Place) -> None:
    place.write("probe-1.partial", b"")
    place.write("study.json", b"")
    assert place.remove_partial() == 1
    assert place.names() == ["study.json"]


@server
def test_at_a_glance_all_is_listed_once(s3: Server) -> None:
    place = Place.at(f"s3://tests/{uuid.uuid4().hex}")
    for number in range(20):
        place.write(f"a/{number}", b"")
    s3.requests.clear()
    with place.at_a_glance():
        assert all(place.has(f"a/{number}") and place.stamp(f"a/{number}") for number in range(20))
        assert len(list(place.files("a"))) == 20
        assert not place.has_folder("b")
    assert len(s3.requests) == 1


@server
def test_a_slow_answer_is_waited_for_and_a_lost_one_asked_for_again(s3: Server) -> None:
    place = Place.at(f"s3://tests/{uuid.uuid4().hex}")
    s3.delay = 0.2
    try:
        place.write("a", b"1")
    finally:
        s3.delay = 0.0
    with s3.failing(times(2, "lost", of="PUT")):
        place.create("b", b"2")
    assert (place.read("a"), place.read("b")) == (b"1", b"2")
