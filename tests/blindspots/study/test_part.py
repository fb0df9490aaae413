"""Names and paths as a study keeps them."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from blindspots.study.part import Slug, from_anywhere, is_address, slug


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("pictures.npz", "pictures.npz"),
        ("My Pictures (2).npz", "my-pictures-2-.npz"),
        ("..hidden", "hidden"),
        ("---", "unnamed"),
        ("a" * 100, "a" * 64),
    ],
)
def test_any_text_becomes_a_slug(text: str, made: str) -> None:
    assert slug(text) == made
    assert TypeAdapter(Slug).validate_python(made) == made


def test_a_path_is_made_absolute_and_an_address_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert from_anywhere("a/b.pth") == str(tmp_path / "a/b.pth")
    assert from_anywhere("~/b.pth") == str(tmp_path / "home/b.pth")
    assert from_anywhere("https://there/b.pth") == "https://there/b.pth"
    assert from_anywhere("") == ""
    assert is_address("s3://there/b.pth")
    assert not is_address("/there/b.pth")
