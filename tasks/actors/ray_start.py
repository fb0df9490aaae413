"""Joining the Ray cluster that is named, or starting Ray on this machine. No Prefect in here."""

import logging
import os
import socket
from typing import Any

import ray
from ray.exceptions import RayError

from blindspots.errors import InputError

_OBJECT_STORE_BYTES = 100 * 1024 * 1024  # no array crosses Ray, so little is enough
_KNOCK_SECONDS = 10


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
    ray.init(
        address="local",
        num_cpus=workers,
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        **quiet,
    )


def _knock(address: str) -> None:
    """Raise ``OSError`` where nothing listens at ``host:port``; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
