import json
import multiprocessing
from pathlib import Path

import pytest

from blindspots.errors import InputError
from blindspots.store import layout
from blindspots.store.layout import FORMAT
from blindspots.store.root import check, stored, working_in
from blindspots.study.built_in import QUICK


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout.at(tmp_path / "root")
    with working_in(found, QUICK, "aaaa"):
        pass
    return found


def test_a_root_says_what_was_last_run(layout: Layout) -> None:
    there = stored(layout)
    assert there is not None
    assert (there.study, there.dataset_sha256) == (QUICK, "aaaa")
    assert "consolidated_metadata" in (layout.zarr / "zarr.json").read_text()


def test_a_new_root_says_nothing_and_is_not_made_by_looking(tmp_path: Path) -> None:
    layout = Layout.at(tmp_path / "new" / "root")
    assert stored(layout) is None
    check(layout, QUICK, "aaaa")
    assert list(tmp_path.iterdir()) == []


def test_other_data_other_formats_and_other_folders_are_refused(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"holds mnist \(sha256 aaaa\), and the study quick is on mnist \(sha256 bbbb\)"
    ):
        check(layout, QUICK, "bbbb")
    content = json.loads(layout.study.read_text())
    layout.study.write_text(json.dumps({**content, "format": FORMAT + 1}))
    with pytest.raises(
        InputError, match=f"has format {FORMAT + 1}, and this blindspots reads and writes format {FORMAT}"
    ):
        stored(layout)
    layout.study.write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        stored(layout)
    with pytest.raises(InputError, match="holds something other than a study"):
        stored(Layout.at(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file; name a folder"):
        stored(Layout.at(tmp_path / "file"))
    with pytest.raises(InputError, match="object store, which is not supported yet"):
        Layout.at("s3://bucket/root")
    with pytest.raises(InputError, match="the root is empty"):
        Layout.at("")


def test_a_place_that_cannot_be_written_is_named() -> None:
    with pytest.raises(InputError, match=r"the root /proc/blindspots cannot be written"):
        check(Layout.at("/proc/blindspots"), QUICK, "aaaa")


def test_a_root_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"the root .*file/root cannot be written"):
        check(Layout.at(tmp_path / "file" / "root"), QUICK, "aaaa")


def _hold(
    layout: Layout, entered: "multiprocessing.synchronize.Event", leave: "multiprocessing.synchronize.Event"
) -> None:
    with working_in(layout, QUICK, "aaaa"):
        entered.set()
        leave.wait(60)


def test_one_run_at_a_time(layout: Layout) -> None:
    context = multiprocessing.get_context("spawn")
    entered, leave = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(layout, entered, leave))
    other.start()
    try:
        assert entered.wait(60)
        with pytest.raises(InputError, match="another run is at work in"), working_in(layout, QUICK, "aaaa"):
            pass
    finally:
        leave.set()
        other.join()
    with working_in(layout, QUICK, "aaaa"), working_in(layout, QUICK, "aaaa"):
        pass


def test_what_a_killed_run_left_is_swept_and_the_store_is_open_while_it_is_worked_on(layout: Layout) -> None:
    (layout.zarr / "x.123.partial").touch()
    with working_in(layout, QUICK, "aaaa"):
        assert not (layout.zarr / "x.123.partial").exists()
        assert "consolidated_metadata" not in (layout.zarr / "zarr.json").read_text()
    assert "consolidated_metadata" in (layout.zarr / "zarr.json").read_text()
