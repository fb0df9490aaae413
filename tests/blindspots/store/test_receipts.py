from pathlib import Path

import torch

from blindspots.store.receipts import library_versions, read_receipt, write_receipt


def test_a_receipt_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "receipts" / "sets" / "a" / "0.json"
    written = write_receipt(path, identity="i", content="c", arrays={"x": "h"}, seconds=1.5, device="cpu")
    assert read_receipt(path) == written
    assert written.versions == library_versions()
    assert written.versions["torch"] == torch.__version__
    assert written.process > 0
    assert written.finished.endswith("+00:00")


def test_what_is_no_receipt_proves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "0.json"
    assert read_receipt(path) is None
    for content in (
        "",
        "{",
        "[]",
        "{}",
        '{"identity": "i"}',
        '{"identity": "i", "content": "c", "seconds": 1, "more": 2}',
    ):
        path.write_text(content)
        assert read_receipt(path) is None
