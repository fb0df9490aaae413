"""What the command line prints and writes, and the shapes that it reads."""

import json
from pathlib import Path

import pytest

from blindspots.errors import InputError
from flows.printing import parsed_shape, print_json, print_or_write


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
