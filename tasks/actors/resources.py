"""What an actor asks of the cluster that it is placed on: a core, memory, a share of a GPU. No Prefect in here."""

import math
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from blindspots.errors import InputError

MEMORY, GPUS = "BLINDSPOTS_WORKER_MEMORY", "BLINDSPOTS_GPUS_PER_MODEL"
"""Variables that say what an actor asks for: settings of where a run works, and no part of its study."""

_UNITS = {"M": 10**6, "G": 10**9, "MI": 2**20, "GI": 2**30}
_ON_A_CLUSTER = 10**9
"""Bytes for torch, a model of the paper's, MNIST, and what a search of some thousand images has in hand."""
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux says what a container may have, in its two ways of keeping them apart; "max" is no limit."""


def default_workers() -> int:
    """Return how many actors suit this machine: one a core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def are_elsewhere() -> bool:
    """Tell whether actors are on the machines of a cluster that is named, whose devices this one need not have."""
    return bool(os.environ.get("RAY_ADDRESS"))


def memory_per_worker() -> int | None:
    """Return how many bytes an actor asks for, None for none: on a machine of its own, Ray has nothing to share out.

    Raises :class:`InputError` where the variable says no size.
    """
    said = os.environ.get(MEMORY, "")
    if not said:
        return _ON_A_CLUSTER if are_elsewhere() else None
    found = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)\s*([MG]i?)B?", said.strip(), flags=re.IGNORECASE)
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size <= 0:
        raise InputError(f"{MEMORY}={said!r} is no size; write it as 1500M or 2G")
    return size


def gpus_per_model() -> float | None:
    """Return which share of a GPU an actor asks for, with its one model; None for an even share of all there are.

    Raises :class:`InputError` where the variable says none: a part of a GPU, such as 0.25, or 1.
    """
    said = os.environ.get(GPUS, "")
    if not said:
        return None
    try:
        share = float(said)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise InputError(f"{GPUS}={said!r} is no share of a GPU; write a part of one, such as 0.25, or 1")
    return share


def memory_here() -> int:
    """Return how many bytes of memory this machine has, or the container that this process is in."""
    import psutil  # a run on a cluster needs none of it

    limits = [int(psutil.virtual_memory().total)]
    for path in _LIMITS:
        with suppress(OSError, ValueError):
            limits.append(int(Path(path).read_text(encoding="ascii")))
    return min(limits)


def check_resources(workers: int) -> None:
    """Raise :class:`InputError` where a variable that says what actors ask for does not.

    Or where that is more memory than there is for ``workers`` of them, in a Ray of the run's own: it never grows, and
    would wait for it for ever. Where a cluster is named or joined already, that may grow, or has room elsewhere.
    """
    memory = memory_per_worker()
    gpus_per_model()
    ray = sys.modules.get("ray")
    if memory is None or are_elsewhere() or (ray is not None and ray.is_initialized()):
        return
    here, most = memory_here(), memory_here() // memory
    if most < workers:
        room = f"{most} at most have room, by --workers {most}, or" if most else "not one has room:"
        raise InputError(
            f"{MEMORY}={os.environ[MEMORY]!r} is more than {workers} worker{'s' * (workers > 1)} can have of the "
            f"{_mega(here)} of this machine; {room} each can have {_mega(here // workers)}"
        )


def _mega(size: int) -> str:
    return f"{size // 10**6}M"


def asked_of_ray(device: str, workers: int, gpus: float) -> dict[str, Any]:
    """Return what one of ``workers`` actors on ``device`` asks of Ray, as options of an actor.

    ``gpus``: how many there are in the cluster by now; none where they come with what asks for them. Actors are spread
    over the nodes, so that one that goes takes few of them along.
    """
    asked: dict[str, Any] = {"num_cpus": 1, "scheduling_strategy": "SPREAD"}
    memory = memory_per_worker()
    if memory is not None:
        asked["memory"] = memory
    if device == "cuda":
        asked["num_gpus"] = gpus_per_model() or (min(1.0, gpus / workers) if gpus else 1)
    return asked
