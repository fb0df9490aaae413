"""The flows as deployments of a real Prefect server: started, watched, refused and cancelled through its API."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.conftest import CommandLine, actors, descendants, end, is_alive, wait_for

TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

pytestmark = pytest.mark.xdist_group("deployments")  # one server, one such test at a time


class Api:
    """The server's REST interface."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=30)

    def deployment(self, flow: str) -> dict[str, Any] | None:
        found = self.client.get(f"/deployments/name/{flow}/blindspots")
        return found.json() if found.status_code == 200 else None

    def trigger(self, flow: str, parameters: dict[str, Any]) -> httpx.Response:
        deployment = self.deployment(flow)
        assert deployment is not None
        return self.request(f"/deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})

    def state(self, run: str) -> str:
        return str(self.client.get(f"/flow_runs/{run}").json()["state"]["type"])

    def post(self, path: str, **content: Any) -> Any:
        return self.request(path, content).raise_for_status().json()

    def request(self, path: str, content: Any) -> httpx.Response:
        """Post, and once more where the server is too busy to answer, as Prefect's own client does."""
        for _ in range(20):
            answer = self.client.post(path, json=content)
            if answer.status_code != 503:
                break
            time.sleep(1)
        return answer


@pytest.fixture
def api(server: str) -> Api:
    return Api(server)


@pytest.fixture
def served(blindspots: CommandLine, api: Api, study_file: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """``blindspots serve`` with the tiny study and a schedule that is never due in a test."""
    root = str(tmp_path / "served")
    process = blindspots.start("serve", study_file, "--root", root, "--workers", "2", "--cron", "0 0 1 1 *")

    def is_ready() -> bool:
        assert process.poll() is None, process.communicate()
        found = [
            api.deployment(flow) or {}
            for flow in ("study", "train", "generate", "transfer", "negatives", "bounds", "tables")
        ]
        return all(each.get("status") == "READY" and each["parameters"]["root"] == root for each in found)

    try:
        wait_for(is_ready, 90)
        yield process
    finally:
        end(process)


def test_a_study_is_started_changed_and_refused_through_the_api(
    served: subprocess.Popen[str], api: Api, tmp_path: Path
) -> None:
    deployment = api.deployment("study")
    assert deployment is not None
    study = deployment["parameters"]["study"]
    assert "iterations" in str(deployment["parameter_openapi_schema"]["definitions"]["TrainingSpec"]["properties"])

    for bad in (
        {"study": {**study, "training": {**study["training"], "iterations": 0}}},
        {"study": {**study, "dataset": "cifar"}},
        {"study": {**study, "colour": "red"}},
        {"workers": 0},
    ):
        refused = api.trigger("study", bad)
        assert refused.status_code == 409, refused.text

    changed = {**study, "sets": {**study["sets"], "examples": 30}}
    run = api.trigger("study", {"study": changed}).raise_for_status().json()["id"]
    wait_for(lambda: api.state(run) in TERMINAL, 180, step=1)
    assert api.state(run) == "COMPLETED"

    flows = {item["name"] for item in api.post("/flows/filter")}
    assert {"study", "train", "generate", "transfer", "negatives", "bounds", "tables"} <= flows
    of_tables = api.post("/flow_runs/filter", flows={"name": {"any_": ["tables"]}}, sort="START_TIME_DESC")[0]["id"]
    artifacts = {
        item["key"] for item in api.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [of_tables]}})
    }
    assert {"table-1", "table-2", "table-negatives", "table-1-beside-the-paper", "figure-7"} <= artifacts
    shown = api.post("/artifacts/filter", artifacts={"key": {"any_": ["figure-7"]}})[0]
    assert (shown["type"], shown["data"][:22]) == ("image", "data:image/png;base64,")
    names = {item["name"] for item in api.post("/task_runs/filter", limit=200)}
    assert "sets/fc10/seed-0/train/nearest" in names
    lines = [item["message"] for item in api.post("/logs/filter", limit=200, sort="TIMESTAMP_DESC")]
    assert any("mean distortion" in line for line in lines)

    scheduled = api.post("/flow_runs/filter", flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}})
    assert any(item["auto_scheduled"] for item in scheduled), "the server's scheduler does not schedule"


def test_a_cancelled_run_leaves_no_actor_behind(served: subprocess.Popen[str], api: Api, tmp_path: Path) -> None:
    deployment = api.deployment("study")
    assert deployment is not None
    study = deployment["parameters"]["study"]
    longer = {**study, "training": {**study["training"], "iterations": 100_000, "images": 5000, "tolerance": 1e-12}}
    run = api.trigger("study", {"study": longer}).raise_for_status().json()["id"]
    wait_for(lambda: list((tmp_path / "served").glob("models/*/*.checkpoint.safetensors")), 120)
    assert actors(served.pid)
    of_train = {"artifacts": {"type": {"any_": ["progress"]}, "key": {"like_": "models-"}}}
    assert wait_for(lambda: api.post("/artifacts/filter", **of_train), 30)
    # one at a time: a second run is cancelled rather than left waiting for the root
    second = api.trigger("study", {"study": longer}).raise_for_status().json()["id"]
    wait_for(lambda: api.state(second) in TERMINAL, 60)
    assert api.state(second) == "CANCELLED"

    api.post(f"/flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    wait_for(lambda: api.state(run) in TERMINAL, 90)
    assert api.state(run) == "CANCELLED"
    wait_for(lambda: not actors(served.pid), 60)
    family = descendants(served.pid)
    served.send_signal(signal.SIGINT)
    wait_for(lambda: served.poll() is not None, 120)
    wait_for(lambda: not any(is_alive(member) for member in family), 60)


def test_serving_without_a_server_says_what_to_do(environment: dict[str, str], study_file: str) -> None:
    alone = CommandLine(environment)
    process = alone.start("serve", study_file)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "prefect server start" in err
    assert len(err.strip().splitlines()) == 1
