"""A training under way is gone on with only where all that it left is what it left."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from blindspots.jobs.job import Progress
from blindspots.store import layout
from tests.small_quocnet import SIZE, small_pictures, small_study, trained

STEPS = {"steps": 50, "size": {**SIZE, "fields": [6], "strides": [2]}}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with pictures and the root of a training that was stopped after ten of fifty steps."""
    folder = tmp_path_factory.mktemp("stopped")
    study = small_study(small_pictures(folder / "pictures.npz"), **STEPS)

    class Stop(list[Progress]):
        def append(self, said: Progress) -> None:
            if said.done == 10:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("blindspots.jobs.quocnet.training.WINDOW", 10)
        with pytest.raises(KeyboardInterrupt):
            trained(folder / "root", study, said=Stop())
        yield folder


@pytest.mark.parametrize(
    "damaged",
    [
        layout.quocnet_checkpoint(1),
        layout.quocnet_state(1, 10, 0, "filters"),
        layout.quocnet_state(1, 10, 0, "filters:square"),
        layout.quocnet_inputs(1, 0),
        layout.quocnet_whitening(),
        "",
    ],
)
def test_with_a_bit_flipped_the_stage_begins_anew(stopped: Path, tmp_path: Path, damaged: str) -> None:
    root = tmp_path / "root"
    shutil.copytree(stopped / "root", root)
    if damaged:
        content = bytearray((root / damaged).read_bytes())
        content[-2] ^= 64  # in a value: the file can be read
        (root / damaged).write_bytes(content)
    else:
        (root / layout.quocnet_steps(1) / ".DS_Store").touch()  # of a file manager that looked there meanwhile
    said: list[Progress] = []
    trained(root, small_study(stopped / "pictures.npz", **STEPS), said=said)
    assert any("goes on from step 10" in each.message for each in said) == (damaged == "")
