"""What a run stands on and did not write: where a process of it is gone, the run ends within a minute, in one line."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from blindspots.errors import BlindspotsError

_LOOK_SECONDS = 0.5
_GRACE_SECONDS = 40.0
"""How long what waits for a process that is gone may take to give up by itself."""


class GoneError(BlindspotsError, RuntimeError):
    """A process that the run stands on is gone; what is done is kept, and the next run goes on."""

    def __init__(self, what: str) -> None:
        """``what``: the process, such as ``Ray's raylet``."""
        super().__init__(f"{what} is gone, so this run ends; what is done is kept, and the next run goes on from here")


@contextmanager
def watched(
    lost: Callable[[], str | None], stop: Callable[[], None], end: Callable[[], None], *, grace: float = _GRACE_SECONDS
) -> Iterator[None]:
    """Look twice a second, while the block runs, whether something is ``lost``; then ``stop`` what waits for it.

    ``lost`` returns what is gone, or None. Whatever the block then fails with is a :class:`GoneError`, and ``end``
    kills the run's other processes; so it does where the block has not come to its end after ``grace`` seconds, and
    this process exits with 1.
    """
    gone: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            what = lost()
            if what is not None:
                gone.append(what)
                stop()
                if not over.wait(grace):
                    end()
                    _exit(what)
                return

    threading.Thread(target=look, daemon=True, name="watch").start()
    try:
        yield
    except Exception as error:
        if gone:
            end()
            raise GoneError(gone[0]) from error
        raise
    finally:
        over.set()


def _exit(what: str) -> None:
    os.write(2, f"blindspots: {GoneError(what)}\n".encode())  # whatever the streams of this process are by now
    os._exit(1)
