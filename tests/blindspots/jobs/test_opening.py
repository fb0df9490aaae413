from pathlib import Path

import pytest

from blindspots.jobs.opening import look_into, open_root, workspace_of
from blindspots.jobs.plan import make_plan
from blindspots.jobs.run import run_study
from blindspots.jobs.verification import verify
from blindspots.store import layout
from blindspots.store.places.local import LocalPlace
from blindspots.study.study import Study
from tests.blindspots.jobs.conftest import changed


def test_a_run_checks_its_root_once(tiny: Study, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    read, check = LocalPlace.read, LocalPlace.check_writable
    monkeypatch.setattr(LocalPlace, "read", lambda self, key: seen.append(key) or read(self, key))
    monkeypatch.setattr(LocalPlace, "check_writable", lambda self: seen.append("writable") or check(self))
    run_study(tiny, root)
    assert (seen.count(layout.STUDY), seen.count("writable")) == (2, 1)  # as it opens, and whether it is all whole


def test_looking_writes_nothing(tiny: Study, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalPlace, "write", lambda *_: pytest.fail("written"))
    monkeypatch.setattr(LocalPlace, "check_writable", lambda *_: pytest.fail("probed"))
    assert make_plan(workspace_of(root)).complete
    assert make_plan(look_into(tiny, root).workspace).complete
    verify(workspace_of(root))


def test_nothing_is_to_do_or_to_write_where_this_very_study_is_done(tiny: Study, root: Path) -> None:
    opened = open_root(tiny, root)
    assert opened.is_settled(make_plan(opened.workspace))
    fewer = changed(tiny, sets={"noise": [0.1]})
    other = open_root(fewer, root)
    assert not other.is_settled(make_plan(other.workspace))
    new = open_root(tiny, root.parent / "new")
    assert new.there is None
    assert not new.is_settled(make_plan(new.workspace))


def test_a_hierarchy_that_lost_its_metadata_is_sealed_again(tiny: Study, root: Path) -> None:
    """As it is after a kill at the last moment of a run, or where the file was lost."""
    path = root / layout.HIERARCHY_METADATA
    before = path.read_bytes()
    path.unlink()
    opened = open_root(tiny, root)
    assert not opened.is_settled(make_plan(opened.workspace))
    assert run_study(tiny, root).shards == {}
    assert path.read_bytes() == before


def test_what_was_done_on_a_cpu_is_done_seen_from_a_machine_with_a_gpu(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    workspace = workspace_of(root)
    assert workspace.device == "cpu"
    assert make_plan(workspace).complete


@pytest.mark.parametrize("lost", [True, False])
def test_the_copy_of_what_was_run_is_written_again_where_it_is_lost_or_damaged(
    tiny: Study, root: Path, lost: bool
) -> None:
    copy = root / layout.STUDY_COPY
    before = copy.read_bytes()
    copy.unlink() if lost else copy.write_bytes(before[:100])
    opened = open_root(tiny, root)
    assert not opened.is_settled(make_plan(opened.workspace))
    assert run_study(tiny, root).shards == {}
    assert copy.read_bytes() == before
    assert verify(workspace_of(root)).damaged == ()
