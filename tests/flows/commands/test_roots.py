import json
from pathlib import Path

import pytest

from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.root import working_in
from blindspots.study.built_in import QUICK
from flows.cli import main


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root of three files."""
    with working_in(Place.at(tmp_path / "root"), QUICK, "aaaa", ("tables",)):
        pass
    return tmp_path / "root"


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    found = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, found.out, found.err


def test_a_root_is_copied_and_the_copy_said(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "root", "copy", root, tmp_path / "there")
    assert (code, out) == (
        0,
        f"3 files (0.0 MB) of {root} are in {tmp_path / 'there'}, all compared: 3 written now\n",
    )
    assert "copy: 3 of 3 files" in err
    assert (tmp_path / "there" / layout.STUDY).read_bytes() == (root / layout.STUDY).read_bytes()
    code, out, _ = told(capsys, "root", "copy", root, tmp_path / "there", "--json")
    assert code == 0
    said = json.loads(out)
    assert (said["from"], said["to"], said["files"], said["written"]) == (str(root), str(tmp_path / "there"), 3, 0)


def test_what_cannot_be_copied_is_one_line(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "root", "copy", tmp_path / "nothing", tmp_path / "there")
    assert (code, out) == (2, "")
    assert err.startswith(f"blindspots: there is no study in {tmp_path / 'nothing'}")
    assert err.count("\n") == 1
    code, _, err = told(capsys, "root", "copy", root, "ftp://host/there")
    assert code == 2
    assert "on no object store that is known" in err
    assert not (tmp_path / "there").exists()
