"""The study as a distributed run: real Prefect server, real Ray, processes killed with real signals."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from blindspots.errors import StageFailedError
from blindspots.jobs.opening import open_root
from blindspots.jobs.plan import make_plan
from blindspots.jobs.run import run_study
from blindspots.jobs.stage import STAGES
from blindspots.jobs.verification import verify
from blindspots.store import layout
from blindspots.study.file import load_study, validate_study
from blindspots.study.study import Study
from flows import order
from flows.session import Session
from tasks.actors.workers import Workers
from tests.conftest import TINY
from tests.flows.conftest import CommandLine, actors, descendants, end, free_port, is_alive, listening, wait_for
from tests.stores import assert_same_content
from tests.toys import TOYS, workspace_at
from tests.toys import run as run_toys

with_server = pytest.mark.xdist_group("server")  # one server, one such test at a time


@pytest.fixture
def oracle(root: Path) -> Path:
    """The tiny study, run in this process."""
    return root


def receipts(root: Path) -> set[str]:
    found = {path.relative_to(root).as_posix() for path in (root / layout.RECEIPTS).rglob("*.json")}
    return found - {layout.STUDY_COPY}


def flip(file: Path) -> None:
    """Flip a bit in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 2}


@pytest.fixture
def cluster(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The address of a Ray cluster that was there before the run."""
    port, folder = free_port(), tempfile.mkdtemp(prefix="ray-")  # Ray takes no long path
    head = subprocess.Popen(
        [
            *(sys.executable, "-c", "import sys; from ray.scripts.scripts import main; sys.exit(main())"),
            *("start", "--head", "--block", f"--port={port}", "--num-cpus=2", "--include-dashboard=false"),
            *("--object-store-memory=100000000", f"--temp-dir={folder}"),
        ],
        env={**environment, **TOKEN},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"127.0.0.1:{port}"
        assert head.poll() is None, "the cluster is not the run's to stop"
    finally:
        end(head)
        shutil.rmtree(folder, ignore_errors=True)


@with_server
def test_a_store_is_gone_on_with_on_a_cluster_of_ones_own(
    blindspots: CommandLine, cluster: str, study_file: str, tiny: Study, oracle: Path, tmp_path: Path
) -> None:
    """The cluster is left running. One that cannot be reached ends a run that needs it, and no other."""
    without_ray = CommandLine({**blindspots.environment, "RAY_ADDRESS": "127.0.0.1:1"})
    assert without_ray.run(study_file, oracle)["ran"] == {}

    folder = oracle / "study.zarr/sets/fc20-10/seed-0/train/random/perturbation"
    flip(folder / "c/1/0/0/0")
    assert not run_study(tiny, oracle).shards  # a plan looks at names and sizes
    said = without_ray("verify", "--repair", "--root", str(oracle), code=1)
    assert "damaged: sets/fc20-10/seed-0/train/random shard 1: perturbation" in said
    assert "1 damaged" in said

    flip(folder / "c/2/0/0/0")
    there = CommandLine({**blindspots.environment, **TOKEN, "RAY_ADDRESS": cluster})
    outcome = there.run(study_file, oracle, "--workers", "2", "--set", "models.fc10.decay=2e-2")
    assert set(outcome["tables"]) == {"1", "2", "negatives", "bounds"}
    # one was dropped by verify, one sent back by the worker that met it
    assert outcome["ran"]["sets/fc20-10/seed-0/train/random"] == [1, 2]
    assert verify(open_root(load_study(study_file, ["models.fc10.decay=2e-2"]), oracle).workspace).damaged == ()
    assert set(outcome["ran"]) == {
        "sets/fc20-10/seed-0/train/random",
        "models/fc10/seed-0",
        "sets/fc10/seed-0/train/nearest",
        "sets/fc10/seed-0/train/random",
        "transfer/fc10/fc10/seed-0",
        "transfer/fc10/fc20-10/seed-0",
        "transfer/fc20-10/fc10/seed-0",
        *(f"transfer/{source}/fc10/seed-0" for source in ("clean", "noise-0.1", "noise-0.1-clipped", "noise-1")),
        "transfer/noise-1-clipped/fc10/seed-0",
        "negatives/fc10/seed-0",
        "tables/table1",
        "tables/table2",
        "spectral/fc10/seed-0",
        "certified/fc10/seed-0",
        "tables/negatives",
        "tables/bounds",
    }

    process = without_ray.start("run", study_file, "--root", str(tmp_path / "none"))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "no Ray cluster can be joined at RAY_ADDRESS=127.0.0.1:1" in err.splitlines()[-1]
    assert not receipts(tmp_path / "none")


@dataclass(frozen=True)
class Slow:
    """The tiny study with more to do, so that there is time to kill something."""

    file: str
    oracle: Path
    """The root of an undisturbed run in one process."""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, mnist: object) -> Slow:
    folder = tmp_path_factory.mktemp("slow")
    content = validate_study(TINY).model_dump(mode="json")
    content["training"] |= {"images": 2000, "iterations": 300, "checkpoint_every": 20, "tolerance": 1e-7}
    content["models"][1]["hidden"] = [60]
    content["sets"] |= {"examples": 140, "shard": 20}
    (folder / "slow.yaml").write_text(json.dumps(content))
    run_study(validate_study(content), folder / "oracle")
    return Slow(str(folder / "slow.yaml"), folder / "oracle")


@with_server
def test_whatever_stops_a_run_the_next_goes_on(
    blindspots: CommandLine, environment: dict[str, str], prefect_home: Path, slow: Slow, tmp_path: Path
) -> None:
    """Workers killed in a training, a run in a set, a worker in the next set, Ctrl-C; a single worker ends it."""
    root = tmp_path / "killed"
    total = len(receipts(slow.oracle))

    def begun(process: subprocess.Popen[str], file: str) -> None:
        wait_for(lambda: list(root.glob(file)) or process.poll() is not None, 240, step=0.02)
        assert process.poll() is None, process.communicate()

    process = blindspots.start("run", slow.file, "--root", str(root), "--workers", "2")
    begun(process, "models/fc20-10/seed-0.checkpoint.safetensors")
    victims = actors(process.pid)[:2]
    assert victims
    for victim in victims:
        os.kill(victim.pid, signal.SIGKILL)
    assert not receipts(root) & {layout.receipt("models/fc20-10/seed-0", 0)}
    begun(process, "receipts/sets/*/seed-0/train/*/3.json")  # others made up for them
    family = descendants(process.pid)
    os.kill(process.pid, signal.SIGKILL)  # that process alone: what it has begun has to end by itself
    process.communicate()
    wait_for(lambda: not any(is_alive(member) for member in family), 20)
    first = len(receipts(root))
    assert first < total

    # server and Ray are the run's own; a terminal sends Ctrl-C to the whole group
    home = shutil.copytree(prefect_home, tmp_path / ".prefect")
    alone = CommandLine({**environment, "PREFECT_HOME": str(home)})
    process = alone.start("run", slow.file, "--root", str(root), "--workers", "2")
    wait_for(lambda: len(receipts(root)) > first and len(actors(process.pid)) == 2, 120, step=0.02)
    os.kill(actors(process.pid)[0].pid, signal.SIGKILL)
    lost = len(receipts(root))
    wait_for(lambda: len(receipts(root)) > lost + 2 or process.poll() is not None, 120, step=0.02)
    family = descendants(process.pid)
    addresses = listening([psutil.Process(process.pid), *family])
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert len(addresses) > 1  # the server's and Ray's
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "stopped; the next run goes on from here" in err
    wait_for(lambda: not any(is_alive(member) for member in family), 60)
    second = len(receipts(root))
    assert first < second < total
    assert not (root / layout.receipt("tables/table1", 0)).exists()

    outcome = alone.run(slow.file, root, "--workers", "1")
    assert outcome["shards"] <= total - second + 2  # a receipt may be there whose table was not laid out yet
    assert receipts(root) == receipts(slow.oracle)
    assert_same_content(root, slow.oracle)
    assert not list(root.rglob("*.partial"))
    assert not list(root.rglob("*.checkpoint.safetensors"))
    _a_plain_python_reads(root, environment, tmp_path)


def _a_plain_python_reads(root: Path, environment: dict[str, str], folder: Path) -> None:
    """Without blindspots, by name."""
    code = """
import sys, warnings
warnings.simplefilter("error")
import xarray
tree = xarray.open_datatree(sys.argv[1], engine="zarr")
transfer = tree["transfer"]
assert transfer.n.dims == ("source", "target", "seed", "split", "rule", "variant")
cell = dict(source="fc10", target="fc10", seed=0, split="train", rule="nearest", variant="plain")
assert transfer.rate.sel(cell) == 1
assert tree["sets/fc10/seed-0/train/nearest"].success.all()
assert tree["tables/table2"].sizes
assert xarray.open_zarr(sys.argv[1], group="training/fc10/seed-0").loss[-1] > 0
assert "blindspots" not in sys.modules
"""
    plain = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", code, str(root / "study.zarr")], check=True, cwd=folder, env=plain)


def test_what_is_undone_while_a_run_is_at_work_is_made_by_another_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by who deletes files by hand: a run ends well where the store is complete, and not where its plan was done."""
    monkeypatch.setattr(STAGES, "_entries", {stage.name: stage for stage in TOYS})
    monkeypatch.setattr(order, "get_run_logger", lambda: logging.getLogger("a run"))
    workspace = workspace_at(f"memory://distributed/{uuid.uuid4().hex}", 0)
    rounds: list[str] = []

    def flow_of(stage: str) -> Any:
        """A flow that does the whole study where it is run for the second time, and before and after nothing."""

        def run(**_: object) -> None:
            rounds.append(stage)
            if rounds.count(stage) == 2:
                run_toys(workspace)

        return SimpleNamespace(with_options=lambda **_: run)

    running = Session(workspace, make_plan(workspace), Workers(1))
    order._all_stages(running, flow_of)
    assert rounds == ["train", "generate", "tables"] * 2
    assert running.complete
    workspace.place.delete(layout.receipt("tables/table1", 0))
    running = Session(workspace, make_plan(workspace), Workers(1))
    with pytest.raises(StageFailedError, match="are to do again after every round, such as tables/table1"):
        order._all_stages(running, flow_of)
    assert not running.complete
