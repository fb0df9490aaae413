"""Joining the Ray cluster that is named, or starting Ray on this machine. No Prefect in here."""

import logging
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from blindspots.errors import BlindspotsError, InputError
from blindspots.paths import expanded
from tasks.actors.reaper import reap
from tasks.actors.resources import memory_here, memory_per_worker

logger = logging.getLogger(__name__)

_OBJECT_STORE_BYTES = 100 * 1024 * 1024  # no array crosses Ray, so little is enough
_KNOCK_SECONDS = 10
_LAST_PORT = 65535


class NotUpError(BlindspotsError, RuntimeError):
    """A Ray of the run's own did not come up; nothing has begun."""


def start_ray(workers: int) -> None:
    """Join the cluster that ``RAY_ADDRESS`` names, or start Ray on this machine."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "namespace": "blindspots"}
    address = os.environ.get("RAY_ADDRESS")
    if address:
        try:
            _knock(address)
            ray.init(**quiet)
        except (OSError, RuntimeError, ValueError, RayError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"no Ray cluster can be joined at RAY_ADDRESS={address} ({reason}); start one there, set "
                "RAY_AUTH_MODE=token where it asks for its token, or unset RAY_ADDRESS for a Ray of the run's own"
            ) from None
        return
    token = expanded("~/.ray/auth_token", instead="set HOME, or do without Ray by blindspots run --here")
    with suppress(OSError):
        token.parent.mkdir(mode=0o700, exist_ok=True)
    if memory_per_worker() is not None:
        quiet["_memory"] = memory_here()  # what was asked for was held against that, and not what is free just now
    _start_here(num_cpus=workers, object_store_memory=_OBJECT_STORE_BYTES, include_dashboard=False, **quiet)
    make_private(token)


def _start_here(**options: Any) -> None:
    """Start a Ray of the run's own, which gives up after half a minute where the machine is busy: then once more."""
    for last in (False, True):
        try:
            ray.init(address="local", **options)
        except Exception as error:  # Ray's own are of no class of their own
            reap(os.getpid())
            if last:
                reason = " ".join(str(error).split()) or type(error).__name__
                raise NotUpError(
                    f"Ray did not come up on this machine ({reason}); start again when the machine is less busy, or do "
                    "without Ray by blindspots run --here"
                ) from error
        else:
            return


def make_private(token: Path) -> None:
    """Take a file from all but its owner: whoever reads Ray's token may run code in its workers; warn if that fails."""
    try:
        if token.stat().st_mode & 0o077:
            token.chmod(0o600)
    except FileNotFoundError:
        return
    except OSError as error:
        logger.warning("%s can be read by others, who could use this machine's Ray (%s)", token, error.strerror)


def _knock(address: str) -> None:
    """Raise ``OSError`` where nothing listens at ``host:port``; Ray itself would try for minutes.

    And ``ValueError`` where there can be no such port.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        if len(port) > len(str(_LAST_PORT)) or int(port) > _LAST_PORT:
            raise ValueError(f"ports end at {_LAST_PORT}")
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
