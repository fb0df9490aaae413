"""What lies in the way of a file of a local folder: a folder in its place, or no folder where one is wanted."""

import errno
import os
import shutil

IN_THE_WAY = (FileExistsError, NotADirectoryError, IsADirectoryError)
"""What the system says where something lies in the way of a file that is written or deleted."""


def clear_the_way(path: str, top: str) -> bool:
    """Remove what keeps a file from being at ``path``, from the folder ``top`` on down; tell whether there was any.

    ``top`` is a folder that holds nothing but what a run makes anew. Of links it is those that go, not what they lead
    to; one that leads to a folder is a folder.
    """
    inner = os.path.relpath(path, top).split(os.sep)
    for end in range(len(inner)):
        folder = os.path.join(top, *inner[:end])
        if os.path.lexists(folder) and not os.path.isdir(folder):
            os.unlink(folder)
            return True
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
        return True
    return False


def check_file(path: str) -> None:
    """Raise ``OSError`` where a pipe or a device is in the place of a file: who reads it may wait for ever."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise IsADirectoryError(errno.EISDIR, "it is no file", path)
