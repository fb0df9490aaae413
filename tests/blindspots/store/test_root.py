import errno
import json
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blindspots.errors import InputError, LostLeaseError, OutOfReachError, StageFailedError
from blindspots.store import layout
from blindspots.store.arrays import Variable, create_group
from blindspots.store.layout import FORMAT
from blindspots.store.place import Place
from blindspots.store.places.local import LocalPlace
from blindspots.store.root import check, problems, stored, study_in, working_in
from blindspots.store.sealing import is_intact
from blindspots.store.sealing import problems as metadata_problems
from blindspots.study.built_in import QUICK

STAGES = ("train", "tables")
NESTED = b"[" * 200_000
"""Deeper than what reads JSON goes."""


def study_file(place: Place) -> Path:
    return Path(place.path(layout.STUDY))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place.at(tmp_path / "root")
    with working_in(found, QUICK, "aaaa", STAGES):
        pass
    return found


def test_a_root_says_what_was_last_run(place: Place) -> None:
    there = stored(place)
    assert there is not None
    assert (there.study, there.dataset_sha256) == (QUICK, "aaaa")
    assert "consolidated_metadata" in ((place.root / layout.ZARR) / "zarr.json").read_text()


def test_a_new_root_says_nothing_and_is_not_made_by_looking(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "new" / "root")
    assert stored(place) is None
    check(place, stored(place), QUICK, "aaaa", STAGES)
    assert list(tmp_path.iterdir()) == []


def test_other_data_other_formats_and_other_folders_are_refused(place: Place, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"holds mnist \(sha256 aaaa\), and the study quick is on mnist \(sha256 bbbb\)"
    ):
        check(place, stored(place), QUICK, "bbbb", STAGES)
    content = json.loads(study_file(place).read_text())
    study_file(place).write_text(json.dumps({**content, "format": FORMAT + 1}))
    with pytest.raises(
        InputError, match=f"has format {FORMAT + 1}, and this blindspots reads and writes format {FORMAT}"
    ):
        stored(place)
    with pytest.raises(InputError, match="holds something other than a study"):
        stored(Place.at(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file; name a folder"):
        stored(Place.at(tmp_path / "file"))


def test_a_hierarchy_of_which_a_part_lies_on_another_disk_is_sealed_and_whole(tmp_path: Path) -> None:
    place, disk = Place.at(tmp_path / "root"), tmp_path / "disk"
    with working_in(place, QUICK, "aaaa", STAGES):
        create_group(place, "sets/a", {"x": Variable("int16", "")}, dim="example", rows=2, shard=2, attributes={})
    Path(place.path("study.zarr/sets")).rename(disk)
    Path(place.path("study.zarr/sets")).symlink_to(disk)
    assert metadata_problems(place) == {}
    for _ in range(2):
        with working_in(place, QUICK, "aaaa", STAGES) as work:
            assert not work.mended
        assert is_intact(place)


def test_a_place_that_cannot_be_written_is_named() -> None:
    with pytest.raises(InputError, match=r"the root /proc/blindspots cannot be written"):
        Place.at("/proc/blindspots").check_writable()


def test_a_root_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"the root .*file/root cannot be written"):
        Place.at(tmp_path / "file" / "root").check_writable()


def _hold(
    place: Place, entered: "multiprocessing.synchronize.Event", leave: "multiprocessing.synchronize.Event"
) -> None:
    with working_in(place, QUICK, "aaaa", STAGES):
        entered.set()
        leave.wait(60)


def test_one_run_at_a_time(place: Place) -> None:
    context = multiprocessing.get_context("spawn")
    entered, leave = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(place, entered, leave))
    other.start()
    try:
        assert entered.wait(60)
        with pytest.raises(InputError, match="another run is at work in"), working_in(place, QUICK, "aaaa", STAGES):
            pass
    finally:
        leave.set()
        other.join()
    with working_in(place, QUICK, "aaaa", STAGES), working_in(place, QUICK, "aaaa", STAGES):
        pass


def test_what_a_killed_run_left_is_swept_and_the_store_is_open_while_it_is_worked_on(place: Place) -> None:
    left, by_a_worker = ((place.root / layout.ZARR) / f"x.{number}.partial" for number in (123, 456))
    left.touch()
    with working_in(place, QUICK, "aaaa", STAGES):
        assert not left.exists()
        by_a_worker.touch()
        assert "consolidated_metadata" not in ((place.root / layout.ZARR) / "zarr.json").read_text()
    assert not by_a_worker.exists()
    assert "consolidated_metadata" in ((place.root / layout.ZARR) / "zarr.json").read_text()


def test_a_lost_or_damaged_study_file_is_read_from_its_copy_and_written_anew(place: Place) -> None:
    with working_in(place, QUICK, "aaaa", STAGES) as work:
        work.finished = True
    whole = study_file(place).read_bytes()
    for content in (
        b"",
        whole[:100],
        whole.replace(b"quick", b"quack"),
        b"[]",
        b'{"format": 1, "study": 5}',
        NESTED,
        None,
    ):
        study_file(place).unlink() if content is None else study_file(place).write_bytes(content)
        there = stored(place)
        assert there is not None
        assert (there.study, there.dataset_sha256, there.finished) == (QUICK, "aaaa", False)
        assert list(problems(place)) == [layout.STUDY]
        with working_in(place, QUICK, "aaaa", STAGES) as work:
            work.finished = True
        assert study_file(place).read_bytes() == whole
        assert problems(place) == {}


@pytest.mark.parametrize("how", ["flipped", "lost", "cut"])
def test_what_befalls_the_study_file_during_a_run_is_not_taken_for_what_was_run(place: Place, how: str) -> None:
    with working_in(place, QUICK, "aaaa", STAGES) as work:
        content = study_file(place).read_bytes()
        damaged = {"flipped": content.replace(b'"aaaa"', b'"aaab"'), "cut": content[:100]}
        study_file(place).unlink() if how == "lost" else study_file(place).write_bytes(damaged[how])
        work.finished = True
    there = stored(place)
    assert there is not None
    assert (there.study, there.dataset_sha256, there.finished) == (QUICK, "aaaa", True)
    assert problems(place) == {}


@pytest.mark.parametrize(
    ("error", "sealed"),
    [
        (StageFailedError("one of two jobs failed"), True),
        (LostLeaseError("another has it"), False),
        (OutOfReachError("no answer"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (KeyboardInterrupt(), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_a_store_is_sealed_where_a_job_fails_and_not_where_the_store_does(
    place: Place, error: BaseException, sealed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed: list[Place] = []
    monkeypatch.setattr("blindspots.store.root.pack_receipts", packed.append)
    with pytest.raises(type(error)), working_in(place, QUICK, "aaaa", STAGES):
        raise error
    assert is_intact(place) == sealed
    assert packed == [place] * sealed
    there = stored(place)
    assert there is not None
    assert not there.finished


def test_where_a_store_cannot_be_sealed_after_a_job_failed_that_failure_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("blindspots.store.root.seal", full)
    with pytest.raises(StageFailedError, match="one of two"), working_in(place, QUICK, "aaaa", STAGES):
        raise StageFailedError("one of two jobs failed")


def test_what_is_damaged_beyond_repair_during_a_run_leaves_the_study_unfinished(place: Place) -> None:
    with working_in(place, QUICK, "aaaa", STAGES) as work:
        place.write(layout.metadata("sets"), b"{}")
        work.finished = True
    there = stored(place)
    assert there is not None
    assert not there.finished


def test_work_within_other_work_leaves_what_there_is_to_say_to_that(place: Place) -> None:
    other = QUICK.model_copy(update={"name": "other"})
    with working_in(place, QUICK, "aaaa", STAGES), working_in(place, other, "aaaa", STAGES) as inner:
        inner.finished = True
    there = stored(place)
    assert there is not None
    assert (there.study, there.finished) == (QUICK, False)


def test_without_both_a_root_can_still_be_worked_in_but_not_on_other_data(place: Place) -> None:
    for key in (layout.STUDY, layout.STUDY_COPY):
        place.write(key, b"{")
    assert stored(place) is None
    check(place, None, QUICK, "aaaa", STAGES)
    with pytest.raises(InputError, match=r"holds other data \(sha256 aaaa\) than the study quick is on"):
        check(place, None, QUICK, "bbbb", STAGES)
    assert set(problems(place)) == {layout.STUDY, layout.STUDY_COPY}


def test_work_whose_study_nothing_tells_is_not_taken_for_none(place: Place) -> None:
    place.write(layout.receipt("sets/a", 0), b"{}")
    for key in (layout.STUDY, layout.STUDY_COPY):
        place.delete(key)
    said = r"study\.json and its copy are lost or damaged, though work is done in .*: blindspots run STUDY --root mine$"
    with pytest.raises(InputError, match=said):
        study_in(place, root="mine")


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("key", [layout.STUDY, layout.STUDY_COPY])
def test_what_cannot_be_read_is_not_taken_for_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch, key: str, error: int
) -> None:
    """Another study could be begun over it otherwise."""
    if key == layout.STUDY_COPY:
        place.write(layout.STUDY, b"{")
    read = LocalPlace.read

    def refusing(self: LocalPlace, wanted: str) -> bytes:
        if wanted == key:
            raise OSError(error, os.strerror(error), self.path(wanted))
        return read(self, wanted)

    monkeypatch.setattr(LocalPlace, "read", refusing)
    for look in (stored, study_in):
        with pytest.raises(OutOfReachError, match=rf"{key}, which .*, cannot be read \({os.strerror(error)}\)"):
            look(place)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (layout.STUDY, b'{"format": 1, "st'),
        (layout.STUDY, b""),
        (layout.STUDY, NESTED),
        (".study.json.a1.partial", b"{"),
        (layout.LOCK, b""),
    ],
    ids=["cut", "empty", "nested", "partial", "lock"],
)
def test_a_root_of_a_run_that_was_killed_in_its_first_moment_is_new(tmp_path: Path, name: str, content: bytes) -> None:
    place = Place.at(tmp_path / "root")
    place.write(name, content)
    assert stored(place) is None
    with working_in(place, QUICK, "aaaa", STAGES):
        pass
    there = stored(place)
    assert there is not None
    assert there.study == QUICK


def test_a_hash_that_is_a_number_is_damage(place: Place) -> None:
    content = json.loads(study_file(place).read_text())
    del content["sha256"]
    place.write(layout.STUDY, json.dumps({**content, "dataset": {"name": "mnist", "sha256": 5}}).encode())
    with pytest.raises(InputError, match="is damaged; restore it, or name another root"):
        stored(place)


def test_somebody_elses_study_file_is_left_alone(tmp_path: Path) -> None:
    place = Place.at(tmp_path)
    place.write(layout.STUDY, b'{"trials": 3}')
    with pytest.raises(InputError, match="is damaged; restore it, or name another root"):
        stored(place)


def test_two_that_ask_whether_a_root_can_be_written_do_not_meet(place: Place) -> None:
    before = set(place.files())
    with ThreadPoolExecutor(8) as askers:
        list(askers.map(lambda _: place.check_writable(), range(200)))
    assert set(place.files()) == before


def test_the_hierarchys_own_attributes_are_looked_at(place: Place) -> None:
    assert problems(place) == {}
    path = place.root / layout.HIERARCHY_METADATA
    for old, new in (("aaaa", "aaab"), ("metadata_sha256", "metadata_sha257"), ('"title"', '"tidle"')):
        whole = path.read_bytes()
        path.write_bytes(whole.replace(old.encode(), new.encode()))
        assert list(problems(place)) == [layout.HIERARCHY_METADATA]
        with working_in(place, QUICK, "aaaa", STAGES):
            pass
        assert path.read_bytes() == whole
