"""The command line in this process: what it says, where it says it, and with which exit code."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from blindspots.errors import InputError, StageFailedError
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.receipts import read_receipt, rewrite_receipt
from blindspots.study.built_in import BUILT_IN
from blindspots.study.study import Study
from flows.cli import main
from tests.flows.conftest import HOUSE, Call
from tests.own_model import NETWORKS, PACKAGE, written
from tests.small_pictures import folder_of_pictures
from tests.stores import rewrite_study


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")


@pytest.fixture
def finished(root: Path) -> Path:
    """The root of the tiny study, done."""
    return root


def test_help_has_examples(call: Call) -> None:
    assert "Run a study from data to tables" in call("--help")
    for command in ("run", "status", "verify", "table", "figure", "report", "bounds", "serve"):
        assert f"blindspots {command}" in call(command, "--help")


def test_studies_and_versions(call: Call) -> None:
    assert all(name in call("studies") for name in BUILT_IN)
    assert set(json.loads(call("studies", "--json"))) == set(BUILT_IN)
    assert "torch" in call("version")
    assert call("--version").startswith("blindspots 0.")
    assert json.loads(call("version", "--json"))["zarr"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "quik"), "no study is called 'quik'"),
        (("run", "none.yaml"), "none.yaml cannot be read"),
        (("run", "--set", "speed=1"), "--set speed: no such field"),
        (("run", "--set", "training.iterations=0"), "training.iterations = 0"),
        (("run", "--set", "sets.examples=70000"), "70000 images are asked for, but the split train of mnist has 60000"),
        (("run", "--workers", "0"), "--workers"),
        (("run", "--device", "tpu"), "'tpu'"),
        (("run", "--root", "ftp://bucket/x"), "object store"),
        (("run", "--root", "/proc/x"), "/proc/x cannot be written"),
        (("run", "--fast"), "--fast"),
        (("walk",), "walk"),
        (("status",), "there is no study in"),
        (("verify", "--root", "nowhere"), "there is no study in"),
        (("table", "2"), "there is no study in"),
        (("figure", "7"), "there is no study in"),
        (("report",), "there is no study in"),
        (("run", "--set", "seeds=0"), "seeds = 0: Input should be greater than or equal to 1"),
        (("run", "--set", "models.fc100-100-10-p1.split=train"), "set split=p1"),
        (
            ("run", "--set", "sets.rules=[class-ostrich]"),
            "no class of mnist is called 'ostrich'; there are 10, such as",
        ),
        (("run", "imagenet"), "imagenet does not exist; name a folder of pictures, or a .csv file"),
        (("run", "--skip-damaged"), "skip_damaged of pictures: the data set mnist is none of pictures"),
    ],
)
def test_what_cannot_be_used_is_refused_on_one_line_before_any_work(
    call: Call, mnist: object, arguments: tuple[str, ...], said: str
) -> None:
    line = call.refusal(*arguments)
    assert said in line
    assert not any(Path().rglob("study.json"))


def test_a_package_whose_networks_a_study_names_is_allowed_on_the_command_line(call: Call) -> None:
    study = str(written(Path.cwd()))  # where the networks are found too
    assert "allow it with: --networks own_networks" in call.refusal("run", study, "--dry-run")
    plan = json.loads(call("run", study, "--dry-run", "--networks", "other", "--networks", PACKAGE, "--json"))
    assert "models/small/seed-0" in json.dumps(plan)
    assert not any(Path().rglob("study.json"))


_LOUD = NETWORKS.replace("        return", "        print('asked')\n        return") + "\nprint('imported')\n"


def test_what_a_network_prints_is_no_data(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    study = written(Path.cwd())
    Path("loud_networks.py").write_text(_LOUD)
    study.write_text(study.read_text().replace(f"{PACKAGE}:", "loud_networks:"))
    less = [
        f"--set={field}" for field in ("sets.rules=[]", "sets.noise=[]", "negatives.images=0", "bounds.certified=0")
    ]
    for command in (
        ("run", str(study), "--networks", "loud_networks", *less, "--dry-run"),
        ("run", str(study), "--networks", "loud_networks", *less, "--here"),
        ("bounds", "small.pth", "--network", "loud_networks:small", "--input-shape", "3,32,32"),
    ):
        monkeypatch.delitem(sys.modules, "loud_networks", raising=False)
        json.loads(call(*command, "--json"))


@pytest.mark.parametrize("command", [("status",), ("verify",), ("table", "1"), ("figure", "7"), ("report",)])
def test_what_looks_into_a_root_allows_packages_too(
    command: tuple[str, ...], call: Call, tiny_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object, networks: object, **__: object) -> None:
        raise InputError(f"allowed: {networks}")

    monkeypatch.setattr("blindspots.jobs.opening.workspace_of", opened)
    monkeypatch.setattr("blindspots.results.Results", opened)
    said = call.refusal(*command, "--root", str(tiny_root), "--networks", "theirs", "--networks", "mine")
    assert "allowed: ['theirs', 'mine']" in said


def test_damaged_data_is_refused(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / "data" / f"{name}-ubyte").write_bytes(b"\x00\x00\x08\x01")
    monkeypatch.setenv("BLINDSPOTS_DATA", str(tmp_path / "data"))
    assert "train-images-idx3-ubyte" in call.refusal("run")
    assert not any(Path().rglob("study.json"))


def test_damaged_pictures_are_left_out_where_that_is_asked_for(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLINDSPOTS_CACHE", str(tmp_path / "cache"))
    for split in ("train", "val"):
        folder_of_pictures(tmp_path / "four" / split)
    (tmp_path / "four" / "val" / "note.txt").touch()
    how = ("run", "--dry-run", "--json", "--set", f"dataset={tmp_path}/four", "--set", "pictures.size=8")
    how += ("--set", "training.images=null", "--set", "sets.examples=null", "--set", "sets.splits=[test]")
    assert "val/note.txt: lies beside the classes' folders; put that right, or leave" in call.refusal(*how)
    assert "train" in json.dumps(json.loads(call(*how, "--skip-damaged")))


def test_other_roots_are_refused(call: Call, finished: Path, tmp_path: Path) -> None:
    rewrite_study(finished, dataset={"name": "mnist", "sha256": "0" * 64})
    assert "name another root" in call.refusal("run", "--root", str(finished))
    rewrite_study(finished, format=99)
    assert "has format 99" in call.refusal("run", "--root", str(finished))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").touch()
    assert "holds something other than a study" in call.refusal("run", "--root", str(tmp_path / "other"))


def test_a_cluster_s_gpus_are_taken_on_trust(
    call: Call, tmp_path: Path, mnist: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a driver without one, as all in deploy/ are; alone it has none to compute on."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    asked = ("run", "quick", "--device", "cuda", "--dry-run", "--root", str(tmp_path / "root"))
    assert "torch finds no such device here" in call.refusal(*asked)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert "to do" in call(*asked)
    assert "torch finds no such device here" in call.refusal(*asked, "--here")


def test_a_dry_run_tells_and_does_nothing(call: Call, tiny: Study, tmp_path: Path, mnist: object) -> None:
    (tmp_path / "tiny.yaml").write_text(tiny.model_dump_json())
    arguments = ("run", str(tmp_path / "tiny.yaml"), "--root", str(tmp_path / "root"), "--dry-run")
    plan = json.loads(call(*arguments, "--json"))["stages"]
    assert plan["train"] == {
        "jobs": 2,
        "done": 0,
        "to_do": {"models/fc20-10/seed-0": [0], "models/fc10/seed-0": [0]},
        "waiting": [],
    }
    assert plan["generate"]["to_do"]["references/train/noise-0.1"] == [0, 1, 2]
    assert len(plan["transfer"]["waiting"]) == 14
    assert "train          2     0      2" in call(*arguments)
    assert not (tmp_path / "root").exists()


def test_a_finished_root_is_looked_into(
    call: Call, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = ("--root", str(finished))
    assert "Everything is done." in call("status", *root)
    assert all(
        stage["jobs"] == stage["done"] for stage in json.loads(call("status", *root, "--json"))["stages"].values()
    )
    assert "50 shards intact, 0 damaged, 0 not done yet" in call("verify", *root)
    for number in ("1", "2", "negatives", "bounds"):
        assert "fc20-10" in call("table", number, *root)
        assert json.loads(call("table", number, *root, "--json"))
        call("table", number, *root, "--format", "latex", "-o", str(tmp_path / "table.tex"))
        assert "toprule" in (tmp_path / "table.tex").read_text()
    assert "no weights" in call("table", "5", *root)
    assert "text, markdown" in call.refusal("table", "1", *root, "--format", "word")
    assert "table 9" in call.refusal("table", "9", *root).lower()
    written = call("figure", "7", *root).split()
    assert [Path(path).suffix for path in written] == [".png", ".pdf"]
    assert Path(written[0]).read_bytes().startswith(b"\x89PNG")
    assert Path(written[1]).read_bytes().startswith(b"%PDF")
    for name in ("transfer", "distortions", "training", "negatives", "spectrum"):
        assert Path(call("figure", name, *root, "-o", f"{name}.png").strip()).stat().st_size > 10_000
    assert "no autoencoder" in call.refusal("figure", "filters", *root)
    assert "table 3 is not in the study tiny" in call.refusal("table", "3", *root)
    page = Path(call("report", *root).strip())
    assert page == finished / "report.html"
    assert "<html" in page.read_text()
    monkeypatch.setattr("blindspots.figures.draw_figure", None)  # nothing is drawn that cannot be written
    assert ".gif" in call.refusal("figure", "7", *root, "-o", "x.png", "-o", "x.gif")


def test_the_report_is_opened(call: Call, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: not opened.append(address))
    monkeypatch.setattr("blindspots.report.write_report", lambda results, path: path.write_text("new") and path)
    page = finished / "report.html"
    for before, after in ((None, "new"), ("kept", "kept"), ("of a run before", "new")):
        if before is not None:
            page.write_text(before)
        if before == "of a run before":
            os.utime(page, ns=(0, (finished / "study.json").stat().st_mtime_ns - 1))
        assert call("open", "--root", str(finished)).strip() == str(page)
        assert page.read_text() == after
    assert opened == [page.as_uri()] * 3
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    call("open", "--root", str(finished))


def test_damage_is_named_and_the_exit_code_is_1(call: Call, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = finished / "study.zarr/sets/fc20-10/seed-0/train/nearest/label/c/2"
    content = bytearray(shard.read_bytes())
    content[0] ^= 1
    shard.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--root", str(finished)])
    assert ended.value.code == 1
    assert "damaged: sets/fc20-10/seed-0/train/nearest shard 2: label" in capsys.readouterr().out


def test_failed_jobs_are_named_on_one_line_and_a_defect_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(**_: object) -> None:
        raise StageFailedError("train fc10: diverged\nat once")

    def defect(**_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("flows.cli.app", failing)
    with pytest.raises(SystemExit) as stopped:
        main(["version"])
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "blindspots: train fc10: diverged at once\n"
    monkeypatch.setattr("flows.cli.app", defect)
    with pytest.raises(RuntimeError, match="a defect"):
        main(["version"])


def test_a_mixture_of_versions_is_reported(call: Call, finished: Path) -> None:
    place, key = Place.at(finished), layout.receipt("sets/fc10/seed-0/train/random", 0)
    receipt = read_receipt(place, key)
    assert receipt is not None
    rewrite_receipt(place, key, replace(receipt, versions={**receipt.versions, "torch": "1.0"}))
    said = call("verify", "--root", str(finished))
    assert "mixed versions: torch: 1 shards by 1.0, 49 shards by" in said


def test_a_table_fits_the_terminal_unless_it_is_to_be_wide(
    call: Call, finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    narrow, wide = (call("table", "2", "--root", str(finished), *more) for more in ((), ("--wide",)))
    written = tmp_path / "table.txt"
    call("table", "2", "--root", str(finished), "-o", str(written))
    assert max(map(len, narrow.splitlines())) <= 60 < max(map(len, wide.splitlines()))
    assert written.read_text() == wide
    monkeypatch.delenv("COLUMNS")
    assert call("table", "2", "--root", str(finished)) == wide  # into a pipe


_REFUSED_AT_ONCE = (
    ["run", "nosuch"],
    ["run", "--set", "sets.rules=[farthest]"],
    ["run", "--set", "dataset=./nosuch.npz"],
    ["run", "--set", "dataset=./nosuch/"],
    ["run", "--root", "ftp://bucket/root"],
    ["run", "--root", "taken"],
    ["status", "--root", "nosuch"],
    ["verify", "--root", "nosuch"],
    ["table", "99", "--root", "nosuch"],
    ["table", "1", "--root", "nosuch"],
    ["figure", "99", "--root", "nosuch"],
    ["report", "--root", "nosuch"],
    ["query", "who", "--root", "nosuch"],
    ["query", "fools", "--root", "nosuch"],
    ["show", "1", "--root", "nosuch"],
    ["export", "fc10", "-o", "a.npz", "--root", "nosuch"],
    ["diff", "nosuch", "neither"],
    ["open", "--root", "nosuch"],
    ["data", "fetch", "nosuch", "--to", "nosuch"],
)
_AND_SAY_WHAT_WAS_IMPORTED = """
import json, sys
from flows.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as ended:
        assert ended.code == 2, arguments
    print(arguments, *sorted({"torch", "ray", "prefect"} & set(sys.modules)))
"""


def test_what_is_refused_at_once_imports_nothing_that_takes_seconds(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    (folder / "taken").mkdir(parents=True)
    (folder / "taken" / "notes.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-c", _AND_SAY_WHAT_WAS_IMPORTED, json.dumps(_REFUSED_AT_ONCE)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(arguments) for arguments in _REFUSED_AT_ONCE]
    assert len(done.stderr.splitlines()) == len(_REFUSED_AT_ONCE)
    assert sorted(path.name for path in folder.iterdir()) == ["taken"]
