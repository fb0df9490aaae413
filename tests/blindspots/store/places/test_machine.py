import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from blindspots.store.places import machine
from blindspots.store.places.machine import is_gone, this_machine, uptime

linux = pytest.mark.skipif(sys.platform != "linux", reason="nothing is said elsewhere")


@linux
def test_a_process_is_gone_once_it_was_killed_and_not_before() -> None:
    process = subprocess.Popen(["sleep", "60"])
    assert not is_gone(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(process.pid)  # a zombie, since nobody has asked after it yet
    process.wait()
    assert is_gone(process.pid)


@pytest.mark.parametrize("process", [0, -1, 1, os.getpid(), 1 << 80], ids=["none", "group", "first", "own", "huge"])
def test_what_lives_or_is_no_process_is_not_gone(process: int) -> None:
    assert not is_gone(process)


@linux
@pytest.mark.parametrize("what", ["host", "boot", "container"])
def test_another_host_start_or_container_is_another_machine(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = this_machine()
    assert here
    assert this_machine() == here
    if what == "host":
        monkeypatch.setattr("socket.gethostname", lambda: "another")
    elif what == "boot":
        monkeypatch.setattr(Path, "read_text", lambda path: "another")
    else:
        monkeypatch.setattr("os.readlink", lambda path: "pid:[1]")
    assert this_machine() not in ("", here)


def test_a_system_that_does_not_say_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert this_machine() == ""


@linux
def test_time_goes_on_while_the_machine_is_asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    awake, asleep = time.clock_gettime, 3600.0

    def slept(clock: int) -> float:
        return awake(clock) + asleep * (clock == time.CLOCK_BOOTTIME)

    began = uptime()
    monkeypatch.setattr(time, "clock_gettime", slept)
    assert asleep <= uptime() - began < asleep + 60


def test_a_system_without_such_a_clock_has_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_CLOCK", None)
    assert 0 <= uptime() - time.monotonic() + 1 <= 2
