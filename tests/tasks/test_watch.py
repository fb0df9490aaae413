import subprocess
import sys
import threading

import pytest

from tasks.watch import GoneError, watched


def test_what_the_block_fails_with_once_something_is_gone_is_that() -> None:
    stopped, killed = threading.Event(), threading.Event()

    def fail() -> None:
        if stopped.wait(10):
            raise RuntimeError("a call was given up")

    with (
        pytest.raises(GoneError, match=r"^the raylet is gone, so this run ends; what is done is kept"),
        watched(lambda: "the raylet", stopped.set, killed.set),
    ):
        fail()
    assert killed.is_set()


def test_while_all_is_there_nothing_is_stopped_and_errors_are_the_blocks_own() -> None:
    with pytest.raises(RuntimeError, match="own"), watched(lambda: None, lambda: pytest.fail("stopped"), print):
        raise RuntimeError("own")


def test_a_block_that_does_not_end_is_ended() -> None:
    code = (
        "import time; from tasks.watch import watched\n"
        "with watched(lambda: 'the server', lambda: None, lambda: print('killed', flush=True), grace=0.1):\n"
        "    time.sleep(100)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "killed\n")
    assert done.stderr.startswith("blindspots: the server is gone, so this run ends")
