"""The reaper, with real processes in place of Ray's: what writes into a session's folder, and what only reads there."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

_WRITES = "import sys, time; log = open(sys.argv[1], 'a'); print('ready', flush=True); time.sleep(60)"
_DRIVER = f"""
import os, subprocess, sys
from tasks.actors.reaper import Reaper
reaper = Reaper()
for pid in (os.getpid(), 1):
    logs = f"{{sys.argv[1]}}/session_2026-01-02_03-04-05_678901_{{pid}}/logs"
    os.makedirs(logs)
    for mode in "ar":
        open(f"{{logs}}/raylet.out", "a").close()
        code = {_WRITES!r}.replace("'a'", repr(mode))
        child = subprocess.Popen(
            [sys.executable, "-c", code, f"{{logs}}/raylet.out"], stdout=subprocess.PIPE, start_new_session=True
        )
        child.stdout.readline()
        print(child.pid, flush=True)
print(reaper.pid, flush=True)
sys.stdin.readline()
reaper.dismiss()
"""


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("killed", [True, False])
def test_what_a_killed_run_has_begun_is_ended_and_nothing_else(killed: bool, tmp_path: Path) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", _DRIVER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    own, reading, another, another_reading, reaper = (psutil.Process(int(driver.stdout.readline())) for _ in range(5))
    others = (reading, another, another_reading)
    try:
        if killed:
            driver.send_signal(signal.SIGKILL)
        driver.communicate("\n" if not killed else None)
        deadline = time.monotonic() + 30
        while _is_alive(reaper):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert _is_alive(own) is not killed
        assert all(_is_alive(each) for each in others)
    finally:
        for each in (own, *others):
            if _is_alive(each):
                each.kill()
