"""What fails stops what reads it, and nothing else."""

import errno
import json
import math
import re
from pathlib import Path

import pytest
import torch

from blindspots.jobs.opening import open_root
from blindspots.jobs.stages.trainings import TrainingJob
from blindspots.networks.build import build_network
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.places.local import LocalPlace
from blindspots.study.study import Study
from blindspots.training.checkpoint import Checkpoint, as_curve, write_checkpoint
from blindspots.training.phases import FULL_BATCH
from flows.cli import main
from tests.flows.conftest import Call, CommandLine, one_after_another
from tests.stores import assert_same_content


@pytest.fixture
def broken(tiny: Study, root: Path, tmp_path: Path) -> Path:
    """A root whose one training goes on from weights that make the loss NaN, as one does whose next steps overflow."""
    folder = tmp_path / "broken"
    job = TrainingJob("fc20-10", 0)
    network = build_network(tiny.model("fc20-10"), shape=(1, 28, 28), classes=10)
    weights = {name: torch.full_like(tensor, math.nan) for name, tensor in network.state_dict().items()}
    checkpoint = Checkpoint(weights, as_curve([(0, 2.3, 0.9, 1.0, 1, FULL_BATCH)]), FULL_BATCH)
    write_checkpoint(
        Place.at(folder),
        layout.checkpoint("fc20-10", 0),
        checkpoint,
        identity=job.identity(open_root(tiny, tmp_path / "any").workspace, 0),
    )
    (folder / layout.STUDY).write_bytes((root / layout.STUDY).read_bytes())
    return folder


def test_a_training_that_diverges_in_this_process_is_named_on_one_line(
    call: Call, study_file: str, broken: Path
) -> None:
    said = call("run", study_file, "--here", "--root", str(broken), code=1)
    *before, line = said.splitlines()
    assert line.startswith("blindspots: models/fc20-10/seed-0: the training diverged, the loss is nan")
    assert [each.split()[0] for each in before][:1] == ["study"]  # what was begun, and how far it came
    assert "Traceback" not in said


@pytest.mark.xdist_group("deployments")
def test_a_training_that_diverges_leaves_the_other_models_alone(
    blindspots: CommandLine, study_file: str, root: Path, broken: Path
) -> None:
    path = broken / layout.checkpoint("fc20-10", 0)
    before = path.read_bytes()

    process = blindspots.start("run", study_file, "--root", str(broken), "--workers", "1", "--json")
    _, err = process.communicate(timeout=240)
    assert process.returncode == 1, err
    line = err.splitlines()[-1]
    assert line.startswith("blindspots: 1 of 2 job(s) of the stage train failed")
    assert "models/fc20-10/seed-0" in line
    assert "the loss is nan where the minimisation begins; the checkpoint of iteration 0 is kept" in line
    assert path.read_bytes() == before
    done = {str(each.relative_to(broken / "receipts")) for each in (broken / "receipts").rglob("*.json")}
    assert {f"sets/fc10/seed-0/train/{rule}/2.json" for rule in ("nearest", "random")} <= done
    assert {f"transfer/{source}/fc10/seed-0/0.json" for source in ("fc10", "clean", "noise-1")} <= done
    assert "negatives/fc10/seed-0/0.json" in done
    assert not any("fc20-10" in each or each.startswith("tables") for each in done)

    path.unlink()
    ran = json.loads(one_after_another([["run", study_file, "--here", "--root", str(broken), "--json"]])[0])["ran"]
    assert not any(key.startswith(("models/fc10", "sets/fc10", "transfer/fc10/fc10", "references")) for key in ran)
    assert_same_content(broken, root)
    assert json.loads((broken / layout.STUDY).read_text()) == json.loads((root / layout.STUDY).read_text())


def test_a_full_disk_is_said_once_on_one_line(
    call: Call, study_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def full(place: Place, key: str, content: bytes) -> None:
        tries.append(key)
        raise OSError(errno.ENOSPC, "No space left on device", place.path(key))

    monkeypatch.setattr(LocalPlace, "write", full)
    line = call("run", study_file, "--here", "--root", str(tmp_path / "root"), code=1).partition("\n")[2]
    assert line.startswith(f"blindspots: No space left on device at {tmp_path}/root/receipts/study.json; what is done")
    assert len(line.splitlines()) == len(tries) == 1


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 6272000 bytes."),
        OSError(errno.EMFILE, "Too many open files", "a file"),
        OSError(errno.EACCES, "Permission denied", "a file"),
        OSError(errno.EIO, "Input/output error", "a file"),
        OSError(errno.ESTALE, "Stale file handle", "a file"),
    ],
)
def test_what_the_machine_has_too_little_of_is_said_on_one_line(
    error: Exception, call: Call, study_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("blindspots.study.file.load_study", fail)
    line = call("run", study_file, code=1)
    assert re.search(r"^blindspots: (there is not enough memory|[A-Z][a-z/ ]+ at a file); what is done is", line)
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    "defect", [RuntimeError("of its own"), OSError(errno.ENOENT, "of its own", "a file"), OSError("of its own")]
)
def test_a_defect_is_taken_neither_for_too_little_memory_nor_for_the_system_s(
    defect: Exception, study_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise defect

    monkeypatch.setattr("blindspots.study.file.load_study", fail)
    with pytest.raises(type(defect), match="of its own"):
        main(["run", study_file])


def test_ctrl_c_exits_as_shells_have_it(call: Call, study_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("blindspots.study.file.load_study", stop)
    assert "stopped; the next run goes on from here" in call("run", study_file, code=130)
