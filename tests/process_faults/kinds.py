"""What may befall a run's processes, or what they stand on: a kind a function, called in the middle of the run."""

import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import psutil

from blindspots.errors import BlindspotsError
from blindspots.jobs.opening import workspace_of
from blindspots.jobs.verification import verify
from blindspots.results import Results
from tests.flows.conftest import CommandLine, actors, descendants
from tests.process_faults.forked import ForkedCommandLine, Run


@dataclass
class Underway:
    """A run that is to be harmed."""

    command: CommandLine | ForkedCommandLine
    arguments: list[str]
    process: "subprocess.Popen[str] | Run"
    root: Path
    scratch: Path
    """Where the run puts what is its own and not the store's."""
    draw: random.Random
    nodes: list[psutil.Process] = field(default_factory=list)
    """Raylets of the cluster's other machines, where it is one of several."""
    said: str = ""
    """What went wrong beside the run, in a line."""

    def named(self, what: str) -> psutil.Process | None:
        """Return a process of the run by what its command says."""
        found = (each for each in descendants(self.process.pid) if what in _command(each))
        return next(found, None)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _kill(process: psutil.Process | None, number: signal.Signals = signal.SIGKILL) -> None:
    if process is not None and process.is_running():
        process.send_signal(number)


def worker(run: Underway) -> None:
    """Kill one worker."""
    found = actors(run.process.pid)
    _kill(run.draw.choice(found) if found else None)


def both_workers(run: Underway) -> None:
    """Kill all workers."""
    for each in actors(run.process.pid):
        _kill(each)


def raylet(run: Underway) -> None:
    """Kill Ray's raylet."""
    _kill(run.named("raylet/raylet"))


def head(run: Underway) -> None:
    """Kill Ray's head."""
    _kill(run.named("gcs/gcs_server"))


def server(run: Underway) -> None:
    """Kill the run's own Prefect server."""
    _kill(run.named("prefect server start"))


def node(run: Underway) -> None:
    """Kill a machine of the cluster: its raylet, whose workers go with it."""
    _kill(run.draw.choice(run.nodes))


def driver(run: Underway) -> None:
    """Kill the process that the user started."""
    run.process.kill()


def group(run: Underway) -> None:
    """Kill that and all that is in its group, as a terminal that is closed does."""
    os.killpg(run.process.pid, signal.SIGKILL)


def paused(run: Underway) -> None:
    """Stop the driver or a worker for some seconds, as a machine that sleeps does."""
    whom = run.draw.choice([psutil.Process(run.process.pid), *actors(run.process.pid)])
    _kill(whom, signal.SIGSTOP)
    time.sleep(run.draw.uniform(0.5, 6))
    _kill(whom, signal.SIGCONT)


def terminated(run: Underway) -> None:
    """Ask the run to end, as a machine that is shut down does."""
    run.process.terminate()


def interrupted(run: Underway) -> None:
    """Press Ctrl-C."""
    os.killpg(run.process.pid, signal.SIGINT)


def read_only(run: Underway) -> None:
    """Have all folders of the store be mounted once more, to be read only."""
    for folder in sorted(each for each in run.root.iterdir() if each.is_dir()):
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)


def few_files(run: Underway) -> None:
    """Leave the run as many file descriptors as it has, and a few."""
    process = psutil.Process(run.process.pid)
    most = process.num_fds() + run.draw.randrange(8)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (most, most))


def little_memory(run: Underway) -> None:
    """Leave the run as much memory as it has, and a little."""
    process = psutil.Process(run.process.pid)
    most = process.memory_info().vms + run.draw.randrange(1 << 25)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (most, most))


def scratch_deleted(run: Underway) -> None:
    """Delete what lies in the scratch folder, as some machines do at night."""
    for folder in list(run.scratch.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)


def nothing(run: Underway) -> None:
    """Do no harm: for what was prepared before."""


def second_run(run: Underway) -> None:
    """Start another run in the same root: it is refused, in one line."""
    second = run.command.start(*run.arguments)
    _, err = second.communicate(timeout=120)
    lives = run.process.poll() is None
    if lives and (second.returncode != 2 or "another run is at work" not in err):
        run.said = f"the second run ended with {second.returncode}: {err[-200:]!r}"


def readers(run: Underway) -> None:
    """Read the store while it is written, until the run is over: status, verification, and what is drawn of it."""
    while run.process.poll() is None and not run.said:
        try:
            found = verify(workspace_of(run.root))
            with Results(run.root) as results:
                results.tree.load()
        except BlindspotsError:
            continue  # in one line: of what is not there yet
        except Exception as error:
            run.said = f"a reader ended with {type(error).__name__}: {str(error)[:200]}"
        else:
            if found.damaged and run.process.poll() is None:
                again = set(verify(workspace_of(run.root)).damaged) & set(found.damaged)
                run.said = f"a reader found damage: {min(map(str, again))}" if again else ""


@dataclass(frozen=True)
class Kind:
    """A kind of fault, and what is made of it."""

    strike: Callable[[Underway], None]
    ends: tuple[int, ...]
    """The exit codes that a run may have that met it; 0 is right always."""
    here: bool = False
    """Whether the run is one process alone, without Prefect and Ray."""
    own_server: bool = False
    cluster: bool = False
    """Whether Ray is a cluster of three faked machines."""
    disk: bool = False
    """Whether the root lies on a file system that holds less than the study."""


DEAD = -signal.SIGKILL
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "worker": Kind(worker, ()),
        "both workers": Kind(both_workers, ()),
        "raylet": Kind(raylet, (1,)),
        "head": Kind(head, (1,)),
        "server": Kind(server, (1,), own_server=True),
        "node of three": Kind(node, (1,), cluster=True),
        "driver": Kind(driver, (DEAD,)),
        "driver (--here)": Kind(driver, (DEAD,), here=True),
        "group": Kind(group, (DEAD,)),
        "SIGSTOP": Kind(paused, ()),
        "SIGTERM": Kind(terminated, (1, 143, -signal.SIGTERM)),
        "SIGTERM (--here)": Kind(terminated, (1, 143, -signal.SIGTERM), here=True),
        "SIGINT": Kind(interrupted, (130,)),
        "SIGINT (--here)": Kind(interrupted, (130,), here=True),
        "full disk": Kind(nothing, (1,), here=True, disk=True),
        "read-only": Kind(read_only, (1, 2), here=True),
        "few file descriptors": Kind(few_files, (1,), here=True),
        "few file descriptors (workers)": Kind(few_files, (1,)),
        "little memory": Kind(little_memory, (1,), here=True),
        "scratch deleted": Kind(scratch_deleted, (1,)),
        "two runs": Kind(second_run, (), here=True),
        "readers": Kind(readers, (), here=True),
    }
)
"""All kinds, in the order of the table."""
