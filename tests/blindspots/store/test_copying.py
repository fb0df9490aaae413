import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from blindspots.errors import InputError, OutOfReachError
from blindspots.files import PARTIAL
from blindspots.store import layout
from blindspots.store.copying import Copied, copy_root
from blindspots.store.place import Place
from blindspots.store.places.local import LocalPlace
from blindspots.store.root import stored, working_in
from blindspots.study.built_in import QUICK
from tests.blindspots.store.places.test_walking import refuse


@pytest.fixture
def source(tmp_path: Path) -> LocalPlace:
    place = LocalPlace(tmp_path / "source")
    with working_in(place, QUICK, "aaaa", ("tables",)):
        for number in range(10):
            place.write(layout.weights("fc10", number), bytes([number]) * 1000)
            place.write(layout.receipt(layout.training_job("fc10", number), 0), b"{}")
    place.write(f"study.zarr/x.1{PARTIAL}", b"left by a killed run")
    place.write(layout.BESIDE_WHOLE, b"")
    return place


def content(place: Place) -> dict[str, bytes]:
    return {key: place.read(key) for key in place.files()}


def whole(place: Place) -> dict[str, bytes]:
    found = content(place)
    return {key: found[key] for key in found if "partial" not in key and "beside" not in key and key != layout.LOCK}


def test_a_root_is_copied_there_and_back(source: LocalPlace, new_place: Callable[[], Place], tmp_path: Path) -> None:
    there, back, told = new_place(), Place.at(tmp_path / "back"), list[tuple[int, int]]()
    copied = copy_root(source, there, lambda done, total: told.append((done, total)))
    files = whole(source)
    assert copied == Copied(len(files), len(files), sum(map(len, files.values())))
    assert told == [(done, len(files)) for done in range(1, len(files) + 1)]
    assert whole(there) == files
    copy_root(there, back)
    assert content(back).keys() - {layout.LOCK} == files.keys()
    assert whole(back) == files
    assert stored(there) == stored(source)
    assert copy_root(source, there).written == 0  # all of it is read and compared, and none written


def test_a_copy_that_is_stopped_anywhere_goes_on_and_is_never_a_whole_root(
    source: LocalPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, files = LocalPlace.write, whole(source)
    target = Place.at(tmp_path / "target")
    for stop in (1, 3, 6, 5, 4):  # the first is what says that a copy is under way
        writes = iter(range(stop))

        def dying(place: LocalPlace, key: str, content: bytes, writes: object = writes) -> None:
            if next(writes, None) is None:  # type: ignore[call-overload]
                raise KeyboardInterrupt
            write(place, key, content)

        monkeypatch.setattr(LocalPlace, "write", dying)
        with pytest.raises(KeyboardInterrupt):
            copy_root(source, target)
        monkeypatch.setattr(LocalPlace, "write", write)
        with pytest.raises(InputError, match="is an unfinished copy; go on with: blindspots root copy"):
            stored(target)
        there = set(target.files())
        for key in there:  # no receipt before what it speaks of
            if key.startswith(layout.receipts(layout.MODELS)):
                assert key.replace("receipts/", "").replace("/0.json", ".safetensors") in there
    copied = copy_root(source, target)
    assert 0 < copied.written < copied.files
    assert whole(target) == files


def test_what_is_damaged_or_too_much_in_a_copy_is_made_right(source: LocalPlace, tmp_path: Path) -> None:
    target = Place.at(tmp_path / "target")
    copy_root(source, target)
    target.write(layout.weights("fc10", 3), b"x" * 1000)
    assert copy_root(source, target).written == 1
    target.write(layout.COPYING, str(source).encode())
    target.write("more", b"")
    copy_root(source, target)
    assert whole(target) == whole(source)


def test_a_root_without_its_study_file_is_copied_but_not_onto_one_with(source: LocalPlace, tmp_path: Path) -> None:
    """It is told by the copy of that file then, until a run writes it anew."""
    target, without = Place.at(tmp_path / "target"), Place.at(tmp_path / "without")
    copy_root(source, target)
    source.delete(layout.STUDY)
    before = whole(target)
    with pytest.raises(InputError, match=rf"^{source.root}/study\.json is missing, and {tmp_path}/target has one; run"):
        copy_root(source, target)
    assert whole(target) == before
    copy_root(source, without)
    assert copy_root(source, without).written == 0
    with working_in(source, QUICK, "aaaa", ("tables",)):
        pass
    assert copy_root(source, without).written > 0
    assert whole(without) == whole(source)


def test_a_file_that_is_not_what_was_written_is_an_error(
    source: LocalPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = LocalPlace.write
    monkeypatch.setattr(LocalPlace, "write", lambda place, key, content: write(place, key, content[:-1]))
    with pytest.raises(OutOfReachError, match="does not read back as it was written; copy once more"):
        copy_root(source, Place.at(tmp_path / "target"))


def test_folders_that_lie_on_another_disk_are_copied(source: LocalPlace, tmp_path: Path) -> None:
    for name in (layout.MODELS, layout.ZARR):
        (source.root / name).rename(tmp_path / name)
        (source.root / name).symlink_to(tmp_path / name)
    files = whole(source)
    assert len([key for key in files if key.startswith(f"{layout.MODELS}/")]) == 10
    target = Place.at(tmp_path / "target")
    assert copy_root(source, target).files == len(files)
    assert whole(target) == files
    (tmp_path / layout.MODELS).rename(tmp_path / "unmounted")
    with pytest.raises(InputError, match=r"source/models is a link to what is not there; mend or delete it"):
        copy_root(source, Place.at(tmp_path / "another"))


def test_a_folder_that_cannot_be_listed_is_not_left_out(
    source: LocalPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, source.root / layout.MODELS, errno.EACCES)
    with pytest.raises(OutOfReachError, match=r"source/models cannot be listed \(Permission denied\)"):
        copy_root(source, Place.at(tmp_path / "target"))


def test_a_root_is_not_copied_into_itself(source: LocalPlace, new_place: Callable[[], Place]) -> None:
    before = content(source)
    for target in (Place.at(source.root / "backup"), Place.at(source.root.parent)):
        with pytest.raises(InputError, match=r"lies in .*; name a root to copy to that is apart"):
            copy_root(source, target)
    assert content(source) == before
    there = new_place()
    copy_root(source, there)
    with pytest.raises(InputError, match=r"lies in .*; name a root to copy to that is apart"):
        copy_root(there, Place.at(f"{there}/backup"))
    copy_root(source, Place.at(f"{source}-2"))


def test_a_root_that_is_worked_in_meanwhile_is_copied_once_it_is_at_rest(source: LocalPlace, tmp_path: Path) -> None:
    changes = iter(range(1))

    def work(done: int, total: int) -> None:
        if next(changes, None) is not None:
            source.write(layout.weights("fc10", 0), b"new")
            source.delete(layout.weights("fc10", 1))

    target = Place.at(tmp_path / "target")
    copy_root(source, target, work)
    assert whole(target) == whole(source)
    numbers = iter(range(1000))
    with pytest.raises(InputError, match="changes while it is copied: a run is at work there; wait for it"):
        copy_root(source, target, lambda done, total: source.write("more", str(next(numbers)).encode()))


def test_what_is_no_root_or_holds_another_is_refused(source: LocalPlace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no study in"):
        copy_root(Place.at(tmp_path / "nothing"), Place.at(tmp_path / "target"))
    with pytest.raises(InputError, match="both what to copy and where to"):
        copy_root(source, source)
    other = Place.at(tmp_path / "other")
    with working_in(other, QUICK, "bbbb", ("tables",)):
        pass
    before = whole(other)
    with pytest.raises(InputError, match=r"holds .*, which is not of .*; name a new root to copy to"):
        copy_root(source, other)
    assert whole(other) == before
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file; name a folder"):
        copy_root(source, Place.at(tmp_path / "file"))
    begun = Place.at(tmp_path / "begun")
    begun.write(layout.COPYING, b"s3://bucket/another\n")
    with pytest.raises(InputError, match="is an unfinished copy of s3://bucket/another; go on with that"):
        copy_root(source, begun)
    with source.locked(layout.LOCK):  # by a run that has not begun: what it left is whole
        assert copy_root(source, Place.at(tmp_path / "target")).written > 20
