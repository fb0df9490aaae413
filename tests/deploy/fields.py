"""Which fields manifests may have, and what values: those that ours use, after Kubernetes' documentation and KubeRay's.

A field that does not stand here is a slip of the pen, or is to be added here by whoever looked it up. The schemas
themselves, which know all fields, are megabytes: where they are at hand, ``test_manifests.py`` asks them too.
"""

import re
from collections.abc import Iterator
from typing import Any

ANY = None
"""Whatever is there: a value, or a mapping of the user's own names."""

NUMBER, TRUTH = (int,), (bool,)
"""Types that a value must have."""
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[kMGT]i?)?")
CRON = re.compile(r"(\S+ ){4}\S+")
"""What a value must look like."""

Fields = dict[str, Any]


def _all(names: str, kind: Any) -> Fields:
    return dict.fromkeys(names.split(), kind)


def _named(names: str, **deeper: Any) -> Fields:
    return _all(names, ANY) | deeper


_METADATA = _named("name namespace labels")
_SECURITY = _named(
    "",
    **_all("runAsUser runAsGroup fsGroup", NUMBER),
    **_all("runAsNonRoot allowPrivilegeEscalation", TRUTH),
    seccompProfile=_named("type"),
    capabilities=_named("drop"),
)
_RESOURCES = {each: _all("cpu memory nvidia.com/gpu storage", QUANTITY) for each in ("requests", "limits")}
_FROM_SECRET = _named("name key")
_PROBE = {"periodSeconds": NUMBER, "exec": _named("command"), "httpGet": _named("path", port=NUMBER)}
_CONTAINER = _named(
    "name image args",
    env=[_named("name value", valueFrom={"secretKeyRef": _FROM_SECRET})],
    envFrom=[{"secretRef": _named("name")}],
    securityContext=_SECURITY,
    resources=_RESOURCES,
    ports=[_named("name", containerPort=NUMBER)],
    readinessProbe=_PROBE,
    volumeMounts=[_named("name mountPath")],
)
POD = _named(
    "restartPolicy serviceAccountName",
    securityContext=_SECURITY,
    containers=[_CONTAINER],
    tolerations=[_named("key operator effect")],
)
_TEMPLATE = {"metadata": _METADATA, "spec": POD}
_SELECTED = {"selector": _named("matchLabels"), "template": _TEMPLATE}
_GROUP = {"rayStartParams": ANY, "template": _TEMPLATE}
_RAY_CLUSTER = _named(
    "rayVersion",
    enableInTreeAutoscaling=TRUTH,
    authOptions=_named("mode secretName"),
    autoscalerOptions=_named("version", idleTimeoutSeconds=NUMBER, resources=_RESOURCES, securityContext=_SECURITY),
    headGroupSpec=_GROUP,
    workerGroupSpecs=[_GROUP | _named("groupName", **_all("replicas minReplicas maxReplicas", NUMBER))],
)
_RAY_JOB = _named(
    "entrypoint clusterSelector",
    shutdownAfterJobFinishes=TRUTH,
    **_all("ttlSecondsAfterFinished backoffLimit", NUMBER),
    rayClusterSpec=_RAY_CLUSTER,
)
_OBJECT = _named("apiVersion kind", metadata=_METADATA)

KINDS: dict[str, Fields] = {
    "v1 Namespace": _OBJECT,
    "v1 Secret": _OBJECT | _named("type stringData"),
    "v1 Service": _OBJECT | {"spec": _named("clusterIP selector", ports=[_named("name", port=NUMBER)])},
    "v1 ServiceAccount": _OBJECT,
    "apps/v1 Deployment": _OBJECT | {"spec": _named("", replicas=NUMBER, **_SELECTED)},
    "apps/v1 StatefulSet": _OBJECT
    | {
        "spec": _named(
            "serviceName",
            replicas=NUMBER,
            **_SELECTED,
            volumeClaimTemplates=[{"metadata": _METADATA, "spec": _named("accessModes", resources=_RESOURCES)}],
        )
    },
    "rbac.authorization.k8s.io/v1 Role": _OBJECT | {"rules": [_named("apiGroups resources verbs")]},
    "rbac.authorization.k8s.io/v1 RoleBinding": _OBJECT
    | {"subjects": [_named("kind name namespace")], "roleRef": _named("apiGroup kind name")},
    "ray.io/v1 RayCluster": _OBJECT | {"spec": _RAY_CLUSTER},
    "ray.io/v1 RayJob": _OBJECT | {"spec": _RAY_JOB},
    "ray.io/v1 RayCronJob": _OBJECT | {"spec": _named("timeZone", schedule=CRON, jobTemplate=_RAY_JOB)},
    "kustomize.config.k8s.io/v1beta1 Kustomization": _named(
        "apiVersion kind namespace resources", images=[_named("name newName newTag")]
    ),
}
"""The fields of each kind: a mapping has those named, a list such items; where nothing is said, whatever is there."""


def wrong(found: Any, fields: Any, path: str = "") -> Iterator[str]:
    """Yield the paths in ``found`` of what ``fields`` does not have, and of values that do not fit, with those."""
    if fields is ANY:
        return
    if isinstance(fields, tuple):
        if type(found) not in fields:
            yield f"{path} = {found!r}"
        return
    if isinstance(fields, re.Pattern):
        if not fields.fullmatch(str(found)):
            yield f"{path} = {found!r}"
        return
    if isinstance(fields, list):
        for index, item in enumerate(found):
            yield from wrong(item, fields[0], f"{path}[{index}]")
        return
    for name, value in found.items():
        if name in fields:
            yield from wrong(value, fields[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}"
