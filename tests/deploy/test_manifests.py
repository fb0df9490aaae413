"""The manifests for Kubernetes: no field that there is none of, one version of everything, and nothing secret."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.deploy.fields import KINDS, POD, wrong

HOUSE = Path(__file__).parents[2]
FOLDER = HOUSE / "deploy" / "kubernetes"
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = dict(
    line.split("==")
    for line in (HOUSE / "deploy" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)
IMAGE = f"blindspots:{PROJECT['version']}"
RAY_SCHEMAS = os.environ.get("BLINDSPOTS_KUBERAY", "")
"""A folder with KubeRay's custom resource definitions, ``ray.io_rayclusters.yaml`` and so on, where there is one."""


def documents() -> dict[str, dict[str, Any]]:
    """Return every object of the manifests, by its kind and name."""
    found = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            found[f"{each['kind']} {each.get('metadata', {}).get('name', '')}".strip()] = each
    return found


DOCUMENTS = documents()
RAY = [each for each in DOCUMENTS.values() if each["apiVersion"] == "ray.io/v1"]


def pods(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the specification of every pod below ``node``."""
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        if isinstance(value, dict) and "containers" in value:
            yield value
        yield from pods(value)


PODS = [pod for each in DOCUMENTS.values() for pod in pods(each)]
CONTAINERS = [container for pod in PODS for container in pod["containers"]]


def pool_job() -> dict[str, Any]:
    """Return the job that a run of the pool's is, with what the pool says where nobody else does."""
    pool = json.loads((FOLDER / "pool.json").read_text(encoding="utf-8"))
    values = {name: each["default"] for name, each in pool["variables"]["properties"].items()}
    values |= {"name": "a-run", "command": ["prefect", "flow-run", "execute"], "env": []}

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: filled(value) for name, value in node.items()}
        if isinstance(node, list):
            return [filled(value) for value in node]
        if not isinstance(node, str) or "{{" not in node:
            return node
        whole = re.fullmatch(r"\{\{ (\w+) \}\}", node)
        return values[whole[1]] if whole else re.sub(r"\{\{ (\w+) \}\}", lambda found: str(values[found[1]]), node)

    job: dict[str, Any] = filled(pool["job_configuration"]["job_manifest"])
    of_pod = job["spec"]["template"]["spec"]
    del of_pod["parallelism"], of_pod["completions"]  # which Prefect's worker wants there, and Kubernetes passes over
    return job


@pytest.mark.parametrize("name", DOCUMENTS)
def test_fields_are_known_and_their_values_fit(name: str) -> None:
    found = DOCUMENTS[name]
    assert list(wrong(found, KINDS[f"{found['apiVersion']} {found['kind']}"])) == []


def test_an_unknown_field_and_a_value_that_does_not_fit_are_seen() -> None:
    found = deepcopy(DOCUMENTS["RayCluster blindspots"])
    group, head = found["spec"]["workerGroupSpecs"][0], found["spec"]["headGroupSpec"]["template"]["spec"]
    group["maxReplica"], group["minReplicas"] = 3, "none"
    head["containers"][0]["resource"], head["containers"][0]["resources"]["limits"]["memory"] = {}, "8 GB"
    found["spec"]["enableInTreeAutoscaling"] = "yes"
    assert sorted(wrong(found, KINDS["ray.io/v1 RayCluster"])) == [
        ".spec.enableInTreeAutoscaling = 'yes'",
        ".spec.headGroupSpec.template.spec.containers[0].resource",
        ".spec.headGroupSpec.template.spec.containers[0].resources.limits.memory = '8 GB'",
        ".spec.workerGroupSpecs[0].maxReplica",
        ".spec.workerGroupSpecs[0].minReplicas = 'none'",
    ]
    weekly = deepcopy(DOCUMENTS["RayCronJob mnist-weekly"])
    weekly["spec"]["schedule"] = "every week"
    assert list(wrong(weekly, KINDS["ray.io/v1 RayCronJob"])) == [".spec.schedule = 'every week'"]


def test_the_pools_job_has_no_unknown_field() -> None:
    assert list(wrong(pool_job()["spec"]["template"]["spec"], POD)) == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if not name.startswith(("Ray", "Kustomization"))])
def test_kubernetes_own_schema_takes_it(name: str) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    kubernetes_validate.validate(DOCUMENTS[name], kubernetes_validate.latest_version(), strict=True)


def test_kubernetes_own_schema_takes_every_pod_of_rays_and_the_pools_job() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    version = kubernetes_validate.latest_version()
    for each in RAY:
        for pod in pods(each):
            found = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a-pod"}, "spec": pod}
            kubernetes_validate.validate(found, version, strict=True)
    kubernetes_validate.validate(pool_job(), version, strict=True)


@pytest.mark.skipif(not RAY_SCHEMAS, reason="BLINDSPOTS_KUBERAY names no folder with KubeRay's schemas")
@pytest.mark.parametrize("found", RAY, ids=lambda found: str(found["kind"]))
def test_kuberays_own_schema_takes_it(found: dict[str, Any]) -> None:
    path = Path(RAY_SCHEMAS) / f"ray.io_{found['kind'].lower()}s.yaml"
    definition = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    version = next(each for each in definition["spec"]["versions"] if each["name"] == "v1")
    validator = Draft202012Validator(_strict(version["schema"]["openAPIV3Schema"]))
    assert [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(found)] == []


def _strict(schema: Any) -> Any:
    """Return a schema in which a field that is not named is an error."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _strict(each) for name, each in schema.items()}
    if isinstance(found.get("properties"), dict) and "additionalProperties" not in found and "type" in schema:
        open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or schema["type"] != "object"
        found["additionalProperties"] = bool(open_ended)
    return found


def test_there_is_one_version_of_everything() -> None:
    assert {each["image"] for each in CONTAINERS} - {IMAGE} == {"postgres:17.6-bookworm"}
    assert pool_job()["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
    (image,) = DOCUMENTS["Kustomization"]["images"]
    assert f"{image['name']}:{image['newTag']}" == IMAGE
    cluster, job = DOCUMENTS["RayCluster blindspots"]["spec"], DOCUMENTS["RayJob mnist"]["spec"]
    assert cluster["rayVersion"] == PINNED["ray"]
    assert job["rayClusterSpec"] == cluster
    cron = DOCUMENTS["RayCronJob mnist-weekly"]["spec"]["jobTemplate"]
    assert cron["entrypoint"] == job["entrypoint"]
    assert cron["clusterSelector"] == {"ray.io/cluster": "blindspots"}


def test_every_secret_is_in_the_example_and_none_is_said() -> None:
    example = {each["metadata"]["name"]: each["stringData"] for each in DOCUMENTS.values() if each["kind"] == "Secret"}
    said = {value for each in example.values() for value in each.values()}
    assert said == {"", "token"}
    used = {(source["secretRef"]["name"], None) for each in CONTAINERS for source in each.get("envFrom", ())}
    keys = (
        each["valueFrom"]["secretKeyRef"] for one in CONTAINERS for each in one.get("env", ()) if "valueFrom" in each
    )
    used |= {(each["name"], each["key"]) for each in keys}
    (container,) = pool_job()["spec"]["template"]["spec"]["containers"]
    used |= {(source["secretRef"]["name"], None) for source in container["envFrom"]}
    used |= {(DOCUMENTS["RayCluster blindspots"]["spec"]["authOptions"]["secretName"], "auth_token")}
    for name, key in used:
        assert key is None or key in example[name]
    assert {name for name, _ in used} == set(example)


def test_services_and_roles_are_those_that_are_asked_for() -> None:
    selected = {
        each["metadata"]["name"]: each["spec"]["selector"] for each in DOCUMENTS.values() if each["kind"] == "Service"
    }
    labels = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in DOCUMENTS.values()
        if "template" in each.get("spec", {})
    ]
    assert all(selector in labels for selector in selected.values())
    addresses = re.findall(r"(?:http://|@)([a-z-]+):\d+", json.dumps([CONTAINERS, pool_job()]))
    assert {address for address in addresses if address != "localhost"} <= set(selected)
    account = DOCUMENTS["Deployment prefect-worker"]["spec"]["template"]["spec"]["serviceAccountName"]
    binding = DOCUMENTS["RoleBinding prefect-worker"]
    assert [each["name"] for each in binding["subjects"]] == [account]
    assert f"ServiceAccount {account}" in DOCUMENTS
    assert f"Role {binding['roleRef']['name']}" in DOCUMENTS
    named = [path for path in DOCUMENTS["Kustomization"]["resources"] if not (FOLDER / path).is_file()]
    assert named == []


def test_nothing_runs_as_root_or_without_a_limit() -> None:
    for pod in [*PODS, pool_job()["spec"]["template"]["spec"]]:
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert container["resources"]["limits"] == container["resources"]["requests"]
    for group in DOCUMENTS["RayCluster blindspots"]["spec"]["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"] <= 64
