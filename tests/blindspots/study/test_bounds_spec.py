"""Where Table 5's weights lie, as a study keeps it."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from blindspots.study.bounds_spec import BoundsSpec


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"alexnet": "https://example.org/alexnet.pth"}, "is wanted for"),
        ({"alexnet": "here.pth", "sha256": "0123abcd"}, "belongs to an address"),
        ({"alexnet": "pretrained", "sha256": "0123abcd"}, "belongs to an address"),
        ({"alexnet": "https://example.org/alexnet.pth", "sha256": "0123"}, "sha256"),
    ],
)
def test_an_address_and_its_hash_belong_together(fields: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        BoundsSpec.model_validate(fields)


def test_paths_are_kept_so_that_any_folder_can_read_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = BoundsSpec(alexnet="here.pth")
    assert (here.alexnet, here.fetched) == (str(tmp_path / "here.pth"), False)
    public = BoundsSpec(alexnet="pretrained")
    assert (public.alexnet, public.fetched) == ("pretrained", True)
    assert BoundsSpec(alexnet="https://example.org/a.pth", sha256="0123abcd").fetched
