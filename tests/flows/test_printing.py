"""What the command line prints and writes, and the shapes that it reads."""

import json
from pathlib import Path

import pytest
import typer

from blindspots.errors import InputError
from flows.printing import check_output, named_output, parsed_shape, print_json, print_or_write
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
