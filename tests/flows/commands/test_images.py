from pathlib import Path

import numpy as np
import pytest

from blindspots.results import Results
from tests.flows.conftest import Call


def test_an_image_is_shown_with_a_picture(
    call: Call, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Results(root) as results:
        example = int(results.group("sets/fc10/seed-0/train/nearest").example[0])
    monkeypatch.setenv("COLUMNS", "60")
    said = call("show", str(example), "--root", str(root))
    assert f"Image {example} of train, class" in said
    assert "Moved for each of them, it is misread by" in said
    assert "what is proved" in " ".join(said.split())
    assert max(map(len, said.splitlines()[:-1])) <= 60
    picture = Path(said.splitlines()[-1])
    assert picture == root / f"figures/image-train-{example}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    call("show", str(example), "--root", str(root), "-o", str(tmp_path / "one.pdf"), "--json")
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")
    assert "not '.gif'" in call.refusal("show", str(example), "--root", str(root), "-o", "x.gif")
    assert "has image 60000" in call.refusal("show", "60000", "--root", str(root))


def test_a_set_is_exported(call: Call, tiny_root: Path, tmp_path: Path) -> None:
    root = ("--root", str(tiny_root))
    call("export", "fc10", *root, "-o", str(tmp_path / "set.npz"), "--rule", "random")
    assert len(np.load(tmp_path / "set.npz")["distorted"]) == 50
    assert "4 previews" in call("export", "noise-0.1", *root, "-o", str(tmp_path / "previews"), "--limit", "4")
    assert len(list((tmp_path / "previews").glob("*-preview.png"))) == 4
    assert "no set is exported as .xls" in call.refusal("export", "fc10", *root, "-o", "a.xls")
    assert "no model is called 'none'" in call.refusal("export", "none", *root, "-o", "a.csv")
    assert "clean is no set" in call.refusal("export", "clean", *root, "-o", "a.csv")
    assert "cannot be written" in call.refusal("export", "fc10", *root, "-o", "/proc/x/a.csv")
