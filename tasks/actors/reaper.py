"""Who clears up after a run that is killed (SIGKILL): it cannot end what its own Ray has begun, so this does.

The kernel ends Ray's first processes with the run, but not those that they started: workers would go on for seconds,
and Ray's two agents for a minute, since they wait to tell their head, which is gone too, of a raylet that died.

The reaper is a process of its own, outside the run's group and session, that waits for its standard input to end, which
is what the kernel does to a pipe whose other side was killed. Until then it costs nothing.
"""

import os
import re
import subprocess
import sys
import time
from contextlib import suppress

_OVER = b"over"
_LOOK_SECONDS, _QUIET_LOOKS, _MOST_SECONDS = 0.2, 3, 30.0


class Reaper:
    """A process that ends, once this one is killed, what a Ray that this one started has left behind."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def is_gone(self) -> bool:
        """Whether it has been killed itself."""
        return self._process.poll() is not None

    def dismiss(self) -> None:
        """Tell it that nothing is left, and wait for its end."""
        with suppress(OSError):  # it may have been killed itself
            self._process.communicate(_OVER)


def reap(driver: int) -> None:
    """Kill every process that writes a log of a Ray that the process ``driver`` started, until there is none.

    Ray names the folder of a session, which all its processes have files of open to be written, after the process that
    started it. What reads there, such as a user's ``tail -f``, is left alone.
    """
    import psutil  # a run that ends well never needs it

    log = re.compile(rf"/session_[-_0-9]+_{driver}/logs/")
    deadline, quiet = time.monotonic() + _MOST_SECONDS, 0
    while quiet < _QUIET_LOOKS and time.monotonic() < deadline:
        found = False
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.pid == driver or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                files = process.open_files()
                if any(log.search(each.path) and getattr(each, "mode", "a") != "r" for each in files):
                    process.kill()
                    found = True
        quiet = 0 if found else quiet + 1
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    if sys.stdin.buffer.read() != _OVER:
        reap(int(sys.argv[1]))
