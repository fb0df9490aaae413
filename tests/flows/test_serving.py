"""The flows as deployments of a real Prefect server: started, watched, refused and cancelled through its API."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from blindspots.store import layout
from blindspots.study.built_in import QUICK
from blindspots.study.file import validate_study
from flows.operating.form import root_called
from flows.serve import deployments
from tests.conftest import TINY
from tests.flows.conftest import Call, CommandLine, actors, descendants, end, is_alive, wait_for

TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

pytestmark = pytest.mark.xdist_group("deployments")  # one server, one such test at a time


class Api:
    """The server's REST interface."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=30)
        self.where = ""  # what the root is called that is served

    def deployment(self, flow: str) -> dict[str, Any] | None:
        does = {"study": f"run-tiny-in-{self.where}", "verify": f"verify-{self.where}"}
        found = self.request(f"/deployments/name/{flow}/{does.get(flow, f'{flow}-tiny-in-{self.where}')}", None, "GET")
        return found.json() if found.status_code == 200 else None

    def trigger(self, flow: str, parameters: dict[str, Any], **more: Any) -> httpx.Response:
        deployment = self.deployment(flow)
        assert deployment is not None
        return self.request(f"/deployments/{deployment['id']}/create_flow_run", {"parameters": parameters, **more})

    def artifacts(self, run: str) -> dict[str, dict[str, Any]]:
        """The artifacts on a run's own page, by what their keys end in."""
        found = self.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
        keys = [item["key"].removeprefix("tiny-served-") for item in found]
        return {key.partition("-")[2]: item for key, item in zip(keys, found, strict=True)}

    def family(self, run: str) -> list[str]:
        """The ids of a run and of the runs of its stages."""
        stages = self.post("/flow_runs/filter", flow_runs={"parent_flow_run_id": {"any_": [run]}})
        return [run, *(item["id"] for item in stages)]

    def state(self, run: str) -> str:
        return str(self.flow_run(run)["state"]["type"])

    def flow_run(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.request(f"/flow_runs/{run}", None, "GET").raise_for_status().json()
        return found

    def post(self, path: str, **content: Any) -> Any:
        return self.request(path, content).raise_for_status().json()

    def request(self, path: str, content: Any, method: str = "POST") -> httpx.Response:
        """Ask, and once more where the server is too busy to answer, as Prefect's own client does."""
        for _ in range(20):
            answer = self.client.request(method, path, json=content)
            if answer.status_code != 503:
                break
            time.sleep(1)
        return answer


@pytest.fixture(scope="module")
def api(server: str) -> Api:
    return Api(server)


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[str]
    root: Path


@pytest.fixture(scope="module")
def served(environment: dict[str, str], api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``blindspots serve`` with the tiny study and a schedule that is never due in a test."""
    folder = tmp_path_factory.mktemp("serving")
    root, study = folder / "served", folder / "tiny.yaml"
    study.write_text(json.dumps(validate_study(TINY).model_dump(mode="json")))  # JSON is YAML
    there = CommandLine({**environment, "PREFECT_API_URL": str(api.client.base_url).rstrip("/")})
    api.where = root_called(str(root))
    process = there.start("serve", str(study), "--root", str(root), "--workers", "2", "--cron", "0 0 1 1 *")

    def is_ready() -> bool:
        assert process.poll() is None, process.communicate()
        found = [
            api.deployment(flow) or {}
            for flow in ("study", "train", "generate", "transfer", "negatives", "bounds", "tables")
        ]
        return all(each.get("status") == "READY" and each["parameters"]["root"] == str(root) for each in found)

    try:
        wait_for(is_ready, 90)
        yield Served(process, root)
    finally:
        end(process)


def test_a_study_is_started_changed_and_refused_through_the_api(served: Served, api: Api) -> None:
    deployment = api.deployment("study")
    assert deployment is not None
    assert deployment["parameters"]["study"].endswith("/tiny.yaml")

    for bad in (
        {"study": "cifar"},
        {"study": "imagenet", "changes": ["seeds=2"]},  # which models that are given cannot have
        {"changes": ["seed=1", "training.iterations=0"]},
        {"changes": ["training.iterations"]},
        {"unrolled": QUICK.model_dump(mode="json")},
        {"workers": 0},
        {"colour": "red"},
    ):
        refused = api.trigger("study", bad)
        assert refused.status_code == 409, refused.text

    asked = {"changes": ["sets.examples=30"]}
    run = api.trigger("study", asked, name="fewer images").raise_for_status().json()["id"]
    wait_for(lambda: api.state(run) in TERMINAL, 180, step=1)
    assert api.state(run) == "COMPLETED"
    assert api.flow_run(run)["name"] == "fewer images"

    flows = {item["name"] for item in api.post("/flows/filter")}
    assert {"study", "train", "generate", "transfer", "negatives", "bounds", "tables"} <= flows
    stages = {api.flow_run(each)["name"].split()[0] for each in api.family(run)[1:]}
    assert stages == {"train", "generate", "transfer", "negatives", "bounds", "tables"}  # those that have jobs
    shown = api.artifacts(run)
    tables = {f"table-{name}" for name in ("1", "2", "negatives", "bounds")}
    assert shown.keys() == {"progress", "verdict", "figure-7", "figure-transfer", "report", *tables}
    assert (shown["progress"]["data"], shown["progress"]["description"]) == (100.0, "done")
    assert (shown["figure-7"]["type"], shown["figure-7"]["data"][:22]) == ("image", "data:image/png;base64,")
    assert (served.root / layout.REPORT).is_file()
    of_any = api.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": api.family(run)}})
    assert len(of_any) == len(shown)  # nothing on other pages, none a job
    names = {item["name"] for item in api.post("/task_runs/filter", limit=200)}
    assert "sets/fc10/seed-0/train/nearest" in names
    lines = [item["message"] for item in api.post("/logs/filter", limit=200, sort="TIMESTAMP_DESC")]
    assert any("mean distortion" in line for line in lines)

    scheduled = api.post("/flow_runs/filter", flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}})
    assert any(item["auto_scheduled"] for item in scheduled), "the server's scheduler does not schedule"
    _a_scheduled_run_appears_and_finishes(api)


def _a_scheduled_run_appears_and_finishes(api: Api) -> None:
    """The root is verified every so many seconds, for a while."""
    deployment = api.deployment("verify")
    assert deployment is not None
    schedules = f"/deployments/{deployment['id']}/schedules"
    when = {"active": True, "schedule": {"interval": 20}}
    (schedule,) = api.request(schedules, [when]).raise_for_status().json()

    def finished() -> list[dict[str, Any]]:
        found = api.post("/flow_runs/filter", deployments={"id": {"any_": [deployment["id"]]}})
        # where the machine is slow a next one is due before the first is over, and is cancelled
        return [item for item in found if item["state"]["type"] in TERMINAL - {"CANCELLED"}]

    try:
        run = wait_for(finished, 90, step=0.5)[0]
    finally:
        api.request(f"{schedules}/{schedule['id']}", None, "DELETE").raise_for_status()
    assert (run["auto_scheduled"], run["state"]["type"], run["name"]) == (True, "COMPLETED", "verify served")


def test_a_cancelled_run_leaves_no_actor_behind(served: Served, api: Api) -> None:
    """And the end of serving nothing at all: the last of the tests that share it."""
    longer = {"changes": ["training.iterations=100000", "training.images=5000", "training.tolerance=1e-12"]}
    run = api.trigger("study", longer).raise_for_status().json()["id"]
    wait_for(lambda: list(served.root.glob("models/*/*.checkpoint.safetensors")), 120)
    assert actors(served.process.pid)
    assert wait_for(lambda: api.artifacts(run), 30)["progress"]["type"] == "progress"
    # one at a time: a second run is cancelled rather than left waiting for the root
    second = api.trigger("study", longer).raise_for_status().json()["id"]
    wait_for(lambda: api.state(second) in TERMINAL, 60)
    assert api.state(second) == "CANCELLED"

    api.post(f"/flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    wait_for(lambda: api.state(run) in TERMINAL, 90)
    assert api.state(run) == "CANCELLED"
    wait_for(lambda: not actors(served.process.pid), 60)
    lines = api.post("/logs/filter", logs={"flow_run_id": {"any_": api.family(run)}}, limit=200)
    assert not [item["message"] for item in lines if "Traceback" in item["message"]]
    family = descendants(served.process.pid)
    served.process.send_signal(signal.SIGINT)
    wait_for(lambda: served.process.poll() is not None, 120)
    wait_for(lambda: not any(is_alive(member) for member in family), 60)


def test_two_roots_of_one_name_are_served_side_by_side() -> None:
    """Each run goes to who serves its root: under one name, the second would take over the first one's."""
    one, other = (
        {made.name for made in deployments("quick", root=root)} for root in ("/data/one/store", "/data/two/store")
    )
    assert one & other == {"any-file"}  # which works in no root
    assert f"run-quick-in-{root_called('/data/one/store')}" in one


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--root", "/etc/passwd"), "the root /etc/passwd is a file; name a folder"),
        (("--set", "dataset=./nosuch/"), "nosuch does not exist"),
    ],
)
def test_what_no_run_could_work_with_is_not_served(
    arguments: tuple[str, str], said: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert said in call.refusal("serve", *arguments)


def test_serving_without_a_server_says_what_to_do(environment: dict[str, str], study_file: str) -> None:
    alone = CommandLine(environment)
    process = alone.start("serve", study_file)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "prefect server start" in err
    assert len(err.strip().splitlines()) == 1
