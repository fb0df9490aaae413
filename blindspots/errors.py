"""The tree of the project's own exceptions, so that every front door can tell them from a defect by their class.

Those of one folder stand there, under the base: ``CorruptShardError`` of the store, ``DivergedError`` of a training.
"""


class BlindspotsError(Exception):
    """Anything that this project raises on purpose and that a caller may want to tell from a defect."""


class InputError(BlindspotsError, ValueError):
    """Something the user gave cannot be used; the message names the value and what would be right.

    The command line prints it on one line and exits with code 2.
    """


class StageFailedError(BlindspotsError, RuntimeError):
    """Jobs of a stage failed after all their retries; the others are done and kept.

    The command line prints it on one line and exits with code 1.
    """


class StoppedError(BlindspotsError, RuntimeError):
    """The run was stopped; what was done is kept."""


class OutOfReachError(BlindspotsError, RuntimeError):
    """A store does not answer, or refuses, after all retries: nothing is known of what lies in it.

    It is no ``OSError``, so that nothing that handles a missing or damaged file takes this for one. The command line
    prints it on one line and exits with code 1.
    """


class LostLeaseError(OutOfReachError):
    """Another run has a store that this one held, or may have it by now: this one writes nothing more."""
