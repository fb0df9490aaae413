"""A Ray cluster of three machines, all of them this one: a head that computes nothing, and two that do."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.flows.conftest import descendants, end, free_port

RAY = (sys.executable, "-c", "import sys; from ray.scripts.scripts import main; sys.exit(main())")
_MEMORY = "--object-store-memory=80000000"
_TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 2}


class Cluster:
    """The processes of a cluster that was there before a run."""

    def __init__(self, environment: dict[str, str], scratch: Path) -> None:
        port = free_port()
        address = f"127.0.0.1:{port}"
        self.environment = {**_TOKEN, "RAY_ADDRESS": address}
        """What leads a run to it."""
        begun = (
            ("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={scratch / 'r'}"),
            *((f"--address={address}", "--num-cpus=1"),) * 2,
        )
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            for arguments in begun:
                self._start(arguments, {**environment, **_TOKEN})
        except BaseException:
            self.end()
            raise

    def _start(self, arguments: Sequence[str], environment: dict[str, str]) -> None:
        process = subprocess.Popen(
            [*RAY, "start", "--block", "--node-ip-address=127.0.0.1", _MEMORY, *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes.append(process)
        self._raylet(process)  # two at once would fight for ports

    def _raylet(self, process: "subprocess.Popen[bytes]") -> psutil.Process:
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            for each in descendants(process.pid):
                if "raylet/raylet" in " ".join(each.cmdline()):
                    return each
            time.sleep(0.2)
        raise RuntimeError("Ray did not come up")

    @property
    def others(self) -> list[psutil.Process]:
        """The raylets of the machines that compute."""
        return [self._raylet(process) for process in self._processes[1:]]

    def end(self) -> None:
        """Stop them all."""
        for process in reversed(self._processes):
            end(process)
