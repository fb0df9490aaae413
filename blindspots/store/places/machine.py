"""Which machine this is, and which of its processes are gone: nothing is said of either where that is not certain."""

import os
import socket
import time
from pathlib import Path

from blindspots.identity import identity

_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
"""Linux has a clock of its own for it, that of macOS does it anyway."""


def this_machine() -> str:
    """Return what tells apart machines, their starts and their containers; nothing where the system does not say.

    Processes of one such machine see each other under the same numbers. A host's name alone does not tell: two
    containers may have the same.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return identity(host=socket.gethostname(), boot=boot, processes=os.readlink("/proc/self/ns/pid"))
    except OSError:
        return ""


def uptime() -> float:
    """Return seconds that go on while the machine is asleep, as those of :func:`time.monotonic` do not on Linux."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


def is_gone(process: int) -> bool:
    """Tell whether it is certain that there is no process of this number on this machine any more, or a zombie only.

    A number that another process has by now is not gone.
    """
    try:
        if process > 0:
            os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # somebody else's; no number of a process
        return False
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except (OSError, IndexError):
        return False
