"""The one exception for input that cannot be used, so that every front door can tell it from a defect."""


class InputError(ValueError):
    """Something the user gave cannot be used; the message names the value and what would be right.

    The command line prints it on one line and exits with code 2.
    """
