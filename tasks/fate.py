"""Processes that share their parent's fate: where that is killed, so are they, by the kernel and at once."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the one that started it is gone; only Linux can.

    It is the *thread* that started it whose end counts, and the thread that asks has to live.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number))
