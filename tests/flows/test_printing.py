"""What the command line prints and writes, and the shapes that it reads."""

import io
import json
import os
import socket
import sys
from pathlib import Path

import pytest
import typer

from blindspots.errors import InputError
from blindspots.files import write_out
from flows.cli import main
from flows.printing import (
    check_output,
    check_output_folder,
    named_output,
    parsed_shape,
    print_json,
    print_or_write,
    show_any_name,
)
from tests.flows.conftest import Call


@pytest.mark.parametrize(
    ("text", "shape"),
    [(None, None), ("3,224,224", (3, 224, 224)), ("1x28x28", (1, 28, 28)), ("7, 8", (7, 8)), ("5", (5,))],
)
def test_shapes(text: str | None, shape: tuple[int, ...] | None) -> None:
    assert parsed_shape(text) == shape


@pytest.mark.parametrize("text", ["", "3,,4", "3,0", "-1,2", "3;4", "three", "1" * 5000])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="sizes of at least 1 are wanted, such as 3,224,224"):
        parsed_shape(text)


def test_a_text_is_printed_or_written_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_or_write("a table", None)
    assert capsys.readouterr().out == "a table\n"
    print_or_write("a table\n\n", tmp_path / "table.txt")
    assert (tmp_path / "table.txt").read_text() == "a table\n"
    assert capsys.readouterr().out == ""
    with pytest.raises(InputError, match=r"table\.txt/table\.txt cannot be written"):
        print_or_write("a table", tmp_path / "table.txt" / "table.txt")


def test_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"rate": 0.5, "of": None})
    assert json.loads(capsys.readouterr().out) == {"rate": 0.5, "of": None}
    with pytest.raises(ValueError, match="not JSON compliant"):  # which no other language reads
        print_json({"rate": float("nan")})


def test_a_file_may_be_in_a_folder_that_is_yet_to_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("a.csv", "new/folder/a.csv", tmp_path / "a.csv"):
        check_output(Path(path))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, said in (
        (tmp_path, "it is a folder"),
        (tmp_path / "file" / "a", "Not a directory"),
        ("/proc/a/b", "No "),
    ):
        with pytest.raises(InputError, match=rf"^{path} cannot be written: {said}"):
            check_output(Path(path))


def test_an_empty_name_is_none() -> None:
    assert named_output(".") == Path()  # a folder, for previews
    with pytest.raises(typer.BadParameter, match=r"^it is empty; name a file$"):
        named_output("")


@pytest.mark.parametrize(
    "command",
    [
        ("table", "1", "-o"),
        ("figure", "7", "-o"),
        ("report", "-o"),
        ("query", "fools", "-o"),
        ("show", "5", "-o"),
        ("export", "fc10", "-o"),
        ("bounds", "some.pth", "-o"),
        ("bounds", "some.pth", "--figure"),
        ("data", "fetch", "--to"),
    ],
)
def test_every_command_says_so_before_any_work(
    command: tuple[str, ...], call: Call, tiny_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for work in ("blindspots.results.Results", "flows.bounds.ModelFile", "blindspots.datasets.sources.fetch"):
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("work began"))
    root = () if command[0] in ("bounds", "data") else ("--root", str(tiny_root))
    path = "/proc/none/a.csv" if command[0] in ("query", "export") else "/proc/none/a.png"
    assert f"{path} cannot be written: " in call.refusal(*command, path, *root)
    assert "it is empty; name a file" in call.refusal(*command, "", *root)


def test_names_that_are_too_long_are_refused_before_any_work(tmp_path: Path, call: Call) -> None:
    for name in ("a" * 300, "a" * 256, f"new/{'a' * 300}/a"):
        for check in (check_output, check_output_folder):
            with pytest.raises(InputError, match=r"cannot be written: File name too long$"):
                check(tmp_path / name)
    write_out(tmp_path / ("é" * 127), b"")  # 254 bytes
    long = tmp_path / ("a" * 300)
    assert "cannot be written: File name too long" in call.refusal("table", "1", "-o", str(long))
    assert "cannot be written: File name too long" in call.refusal("data", "fetch", "--to", str(long))


@pytest.mark.parametrize(
    "name", ["study.json", "run.lock", "receipts/a.csv", "models/m/a.csv", "study.zarr/zarr.json", "receipts"]
)
def test_the_files_of_a_store_are_never_an_output(tmp_path: Path, name: str) -> None:
    for folder in ("receipts", "study.zarr"):
        (tmp_path / "root" / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "root" / name)
    for check in (check_output, check_output_folder):
        for path in (tmp_path / "root" / name, tmp_path / "link", tmp_path / "root" / "figures" / ".." / name):
            if check is check_output or not path.is_dir():
                with pytest.raises(InputError, match=r"cannot be written: it is (one of the files of|a folder)"):
                    check(path)
    check_output(tmp_path / "root" / "figures" / "7.png")
    check_output(tmp_path / "models" / "a.csv")


def test_what_is_neither_a_file_nor_a_pipe_is_no_output(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(tmp_path / "taken"))
        with pytest.raises(InputError, match=r"cannot be written: it is neither a file nor a pipe$"):
            check_output(tmp_path / "taken")
    os.mkfifo(tmp_path / "pipe")
    check_output(tmp_path / "pipe")


def test_a_pipe_takes_a_table_and_a_link_stays_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    print_or_write("a table", tmp_path / "pipe")
    assert os.read(reader, 100) == b"a table\n"
    os.close(reader)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    print_or_write("a table", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "a table\n"


def test_a_name_that_is_no_text_is_shown_as_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for errors, shown in (("strict", b"\\udcff"), ("surrogateescape", b"\xff")):  # the other is of a plain locale
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8", errors=errors))
        show_any_name()
        sys.stdout.write(os.fsdecode(b"\xff"))
        sys.stdout.flush()
        assert sys.stdout.buffer.getvalue() == shown  # type: ignore[attr-defined]


def test_the_command_line_shows_names_that_are_no_text(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    with pytest.raises(SystemExit):
        main(["studies"])
    assert sys.stdout.errors == "backslashreplace"
