"""What else is deployed: pools' deployments, the image, a cluster of machines; all of it fits what it speaks of."""

import json
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.server.utilities.user_templates import render_user_template_sync, validate_user_template
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate
from prefect.utilities.templating import apply_values

import flows.operating.at_the_trigger  # noqa: F401 - what the server checks a study by
from flows.operating.form import check_root
from tests.deploy.test_manifests import DOCUMENTS, FOLDER, HOUSE, IMAGE, PINNED, PROJECT

DEPLOY = HOUSE / "deploy"
DEPLOYMENTS = yaml.safe_load((DEPLOY / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
IN_THE_IMAGE = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "python_version": "3.11",
    "python_full_version": "3.11.14",
}
"""What the markers of requirements ask."""


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    module, _, name = deployment["entrypoint"].rpartition(".")
    found = getattr(import_module(module), name)
    assert isinstance(found, Flow)
    return found


def known_pools() -> dict[str, Any]:
    """Return the variables of each kind of pool that Prefect knows, as its server has them without a network."""
    spec = find_spec("prefect.server.api.collections_data.views")
    assert spec is not None
    assert spec.submodule_search_locations
    file = Path(next(iter(spec.submodule_search_locations))) / "aggregate-worker-metadata.json"
    kinds = chain.from_iterable(each.items() for each in json.loads(file.read_text(encoding="utf-8")).values())
    return {name: each["default_base_job_configuration"]["variables"] for name, each in kinds}


def test_an_automation_is_one() -> None:
    found = AutomationCore.model_validate(yaml.safe_load((DEPLOY / "notifications.yaml").read_text(encoding="utf-8")))
    assert isinstance(found.trigger, EventTrigger)
    assert {"prefect.flow-run.Completed", "prefect.flow-run.Failed", "prefect.flow-run.Crashed"} <= found.trigger.expect
    tagged = {tag for each in DEPLOYMENTS for tag in each["tags"]}
    assert yaml.safe_dump(found.trigger.match_related.model_dump()).count("prefect.tag.") == 1
    assert tagged == {"blindspots"}


def test_a_webhook_is_sent_json_whatever_a_run_failed_with() -> None:
    (action,) = yaml.safe_load((DEPLOY / "notifications.yaml").read_text(encoding="utf-8"))["actions"]
    validate_user_template(action["payload"])
    for message in ('the loss is "nan"\nat {"iteration": 3}', None):
        run = SimpleNamespace(name="mnist", state=SimpleNamespace(name="Failed", message=message))
        sent = render_user_template_sync(action["payload"], {"flow": SimpleNamespace(name="study"), "flow_run": run})
        assert json.loads(sent) == {"text": f"study mnist: Failed {message or ''}"}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: str(each["name"]))
def test_a_deployment_fits_its_flow_and_its_pool(deployment: dict[str, Any]) -> None:
    schema = parameter_schema(flow_of(deployment)).model_dump()
    given = apply_values(deployment.get("parameters", {}), {"HOME": "/home/somebody"})
    defaults = {name: each["default"] for name, each in schema["properties"].items() if "default" in each}
    validate({**defaults, **given}, schema, raise_on_error=True, ignore_required=True)
    for schedule in deployment.get("schedules", ()):
        CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
    if "root" in given:
        check_root(given["root"])
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    pool = deployment["work_pool"]
    if "kubernetes" in pool["name"]:
        variables = json.loads((FOLDER / "pool.json").read_text(encoding="utf-8"))["variables"]
        jsonschema.validate(pool["job_variables"], {**variables, "additionalProperties": False})
    elif "job_variables" in pool:
        variables = known_pools()[pool["name"].removeprefix("blindspots-")]
        jsonschema.validate(pool["job_variables"], {**variables, "additionalProperties": False})
    assert pool.get("job_variables", {}).get("image", IMAGE) == IMAGE


def test_pools_are_those_that_workers_are_started_for() -> None:
    pools = {each["work_pool"]["name"] for each in DEPLOYMENTS}
    text = (DEPLOY / "prefect.yaml").read_text(encoding="utf-8")
    assert pools == set(re.findall(r"work-pool create (\S+)", text))
    (worker,) = DOCUMENTS["Deployment prefect-worker"]["spec"]["template"]["spec"]["containers"]
    assert worker["args"][worker["args"].index("--pool") + 1] in pools
    kubernetes = next(each for each in DEPLOYMENTS if each["name"] == "run-mnist-on-kubernetes")
    assert (
        kubernetes["work_pool"]["job_variables"]["env"]["RAY_ADDRESS"] == "blindspots-head-svc:6379"
    )  # as KubeRay has it
    assert "RayCluster blindspots" in DOCUMENTS


def test_the_image_has_what_it_copies_and_installs() -> None:
    ignored = (HOUSE / ".dockerignore").read_text(encoding="utf-8").split()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.M):
        for name in source.split():
            assert (HOUSE / name).exists(), name
            assert f"!{name}" in ignored, f"{name} is not sent to the builder"
    (extra,) = re.findall(r'"/build\[(\w+)\]"', DOCKERFILE)
    assert extra in PROJECT["optional-dependencies"]
    (python,) = set(re.findall(r"^FROM python:(\S+?)-", DOCKERFILE, flags=re.M))
    assert python in SpecifierSet(PROJECT["requires-python"])
    assert set(re.findall(r"blindspots:([\d.]+?)(?:-cpu)?\s", DOCKERFILE)) == {PROJECT["version"]}
    assert re.search(r"^USER 1000:1000$", DOCKERFILE, flags=re.M)


def asked_for(wanted: Iterable[str], seen: set[str]) -> Iterator[Requirement]:
    """Yield what is asked for on the image's machine, and what that asks for in turn where it is installed here."""
    for requirement in map(Requirement, wanted):
        name = re.sub("[-_.]+", "-", requirement.name).lower()
        told = f"{name}[{','.join(sorted(requirement.extras))}]"
        if told in seen:
            continue
        seen.add(told)
        if name == PROJECT["name"]:
            extras = PROJECT["optional-dependencies"]
            yield from asked_for(chain.from_iterable(extras[extra] for extra in requirement.extras), seen)
            continue
        yield requirement
        try:
            further = requires(name) or []
        except PackageNotFoundError:
            continue
        for each in map(Requirement, further):
            if each.marker is None or any(
                each.marker.evaluate({**IN_THE_IMAGE, "extra": extra}) for extra in {"", *requirement.extras}
            ):
                each.marker = None
                yield from asked_for([str(each)], seen)


def test_the_image_has_one_version_of_everything_that_is_asked_for() -> None:
    (extra,) = re.findall(r'"/build\[(\w+)\]"', DOCKERFILE)
    asked = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]
    found = list(asked_for(asked, set()))
    assert {"prefect-kubernetes", "ray", "torch", "grpcio"} <= {each.name for each in found}
    for requirement in found:
        name = re.sub("[-_.]+", "-", requirement.name).lower()
        if not name.startswith(("nvidia-", "cuda-", "triton")):  # which torch's build for GPUs holds to one itself
            assert PINNED[name] in requirement.specifier, requirement


def test_rays_own_schema_takes_the_cluster_of_machines() -> None:
    spec = find_spec("ray")
    assert spec is not None
    assert spec.origin is not None
    schema = json.loads((Path(spec.origin).parent / "autoscaler" / "ray-schema.json").read_text(encoding="utf-8"))
    cluster = yaml.safe_load((DEPLOY / "ray" / "cluster.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(cluster, schema)
    assert cluster["docker"]["image"] == f"REGISTRY/{IMAGE}"
    assert set(cluster) <= set(schema["properties"])
    assert cluster["head_node_type"] in cluster["available_node_types"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**cluster, "max_worker": 3}, schema)


def test_a_cluster_of_machines_has_what_ray_and_the_bucket_ask_of_them() -> None:
    """None of it is in Ray's schema."""
    cluster = yaml.safe_load((DEPLOY / "ray" / "cluster.yaml").read_text(encoding="utf-8"))
    kinds = cluster["available_node_types"]
    assert not any("--gpus" in option for option in cluster["docker"].get("worker_run_options", ()))
    for name, kind in kinds.items():  # docker refuses to start with GPUs that are not there
        assert ("--gpus=all" in kind.get("docker", {}).get("worker_run_options", ())) == ("GPU" in kind["resources"])
        if name != cluster["head_node_type"]:  # whose profile Ray makes
            assert kind["node_config"]["IamInstanceProfile"]["Arn"].startswith("arn:aws:iam::")
    for command in (cluster["head_start_ray_commands"][-1], cluster["worker_start_ray_commands"][-1]):
        assert "--metrics-export-port=8080" in command
    home = re.search(r"HOME=(\S+)", DOCKERFILE)
    assert home is not None  # below which Ray mounts ~/, as the image says where that is
    assert f"useradd --uid 1000 --create-home {Path(home[1]).name}" in DOCKERFILE
    assert "/etc/profile.d/" in DOCKERFILE  # Ray starts by login shells, which begin with the system's PATH
    (installed,) = re.findall(r"--no-install-recommends (.+) \\", DOCKERFILE)
    assert {"openssh-client", "rsync", "wget"} <= set(installed.split())
    assert "boto3" in {each.name for each in map(Requirement, PROJECT["optional-dependencies"]["cluster"])}
