from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from blindspots.store.place import Place
from blindspots.training.checkpoint import CURVE_DTYPES, Checkpoint, as_curve, read_checkpoint, write_checkpoint

ROWS = [(0, 2.5, 0.9, 1.25, 1, 0), (1, 2.0, 0.5, 0.5, 3, 0), (2, 1.5, 0.25, float("nan"), 4, 1)]
CHECKPOINT = Checkpoint({"layers.1.weight": torch.eye(3)}, as_curve(ROWS), 1, memory={"step": torch.tensor(4.0)})


def test_rows_become_columns_and_rows_again() -> None:
    curve = as_curve(ROWS)
    assert {name: column.dtype for name, column in curve.items()} == {k: np.dtype(v) for k, v in CURVE_DTYPES.items()}
    assert curve["evaluations"].tolist() == [1, 3, 4]
    np.testing.assert_array_equal(np.array(CHECKPOINT.rows), np.array(ROWS))
    assert CHECKPOINT.iterations == 2
    nothing = Checkpoint({}, as_curve([]))
    assert (nothing.rows, nothing.iterations, nothing.finished) == ([], 0, False)


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    place = Place.at(tmp_path)
    write_checkpoint(place, "x", CHECKPOINT, identity="work")
    found = read_checkpoint(place, "x", identity="work")
    assert found is not None
    assert torch.equal(found.weights["layers.1.weight"], torch.eye(3))
    assert found.memory["step"] == 4
    assert (found.phase, found.reason, found.finished) == (1, "", False)
    np.testing.assert_array_equal(np.array(found.rows), np.array(ROWS))
    write_checkpoint(place, "x", replace(CHECKPOINT, reason="converged"), identity="work")
    found = read_checkpoint(place, "x", identity="work")
    assert found is not None
    assert found.finished


def test_those_of_other_work_and_damaged_ones_are_not_taken(tmp_path: Path) -> None:
    place, path = Place.at(tmp_path), tmp_path / "x"
    write_checkpoint(place, "x", CHECKPOINT, identity="work")
    assert read_checkpoint(place, "x", identity="other") is None
    assert read_checkpoint(place, "none", identity="work") is None
    path.write_bytes(path.read_bytes()[:-20])
    assert read_checkpoint(place, "x", identity="work") is None


def test_a_checkpoint_with_any_bit_flipped_is_not_gone_on_from(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the file can still be read: other weights would end in other sets, and in other tables."""
    place, path = Place.at(tmp_path), tmp_path / "x"
    write_checkpoint(place, "x", CHECKPOINT, identity="work")
    whole = path.read_bytes()
    for at in (*range(9, len(whole), 7), len(whole) - 1):  # names, shapes, metadata, values
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert read_checkpoint(place, "x", identity="work") is None, at
    assert "the checkpoint is damaged, and the training begins anew: x" in caplog.text
    path.write_bytes(whole)
    assert read_checkpoint(place, "x", identity="work") is not None
