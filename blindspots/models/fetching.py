"""Files of weights by their address on the web, kept in the cache and known by their SHA-256."""

import hashlib
import logging
import os
import re
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pooch
from filelock import FileLock

from blindspots.datasets.sources import cache_folder
from blindspots.errors import InputError
from blindspots.models.weights_file import SUFFIXES

logger = logging.getLogger(__name__)

_CONNECT_SECONDS, _READ_SECONDS = 5, 60
_DIGITS, _LEAST_DIGITS = 64, 8


def is_address(text: str) -> bool:
    """Tell whether ``text`` is an address on the web and not a path."""
    return text.partition(":")[0].lower() in ("http", "https")


def fetch_weights(url: str, sha256: str | None) -> Path:
    """Return the path in the cache of the file at ``url``, which is downloaded unless it is there already.

    ``sha256``: of the file, in 64 hexadecimal digits, or the first 8 of them at least. All 64 make sure that the file
    is the one that is meant; 8 find damage and mix-ups, but a forger could meet them.

    Raises :class:`InputError` for an address that is none, one whose file is of no suffix for weights, a hash that is
    missing or none, a download that fails, and a file of another hash, which is not kept.
    """
    if not is_address(url):
        raise InputError(f"{url!r} is no address on the web: it must begin with https:// or http://")
    try:
        name = unquote(urlsplit(url).path).rpartition("/")[2]
    except ValueError as error:
        raise InputError(f"{url!r} is no address on the web: {error}") from None
    if not name.endswith(SUFFIXES):
        raise InputError(f"{url} names no file of weights: it must end in {', '.join(SUFFIXES)}")
    if sha256 is None:
        raise InputError(
            f"the sha256 of {url} is wanted, so that what comes can be verified: its first 8 digits or all"
        )
    wanted = sha256.lower()
    if not re.fullmatch(rf"[0-9a-f]{{{_LEAST_DIGITS},{_DIGITS}}}", wanted):
        raise InputError(
            f"sha256 = {sha256!r}: {_DIGITS} hexadecimal digits are wanted, or the first {_LEAST_DIGITS} or more"
        )
    folder = cache_folder() / "weights"
    path = folder / f"{wanted[:_LEAST_DIGITS]}-{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{path.name}.lock"):  # another process waits for the one that fetches
            if not _kept(path, wanted):
                _download(url, path, wanted)
    except OSError as error:
        raise InputError(
            f"the cache folder {folder} cannot be written ({error.strerror or error}); name another in BLINDSPOTS_CACHE"
        ) from None
    return path


def _kept(path: Path, wanted: str) -> bool:
    if not path.is_file():
        return False
    if _hash(path).startswith(wanted):
        return True
    logger.warning("%s in the cache is damaged, or of another sha256; it is fetched again", path.name)
    return False


def _download(url: str, path: Path, wanted: str) -> None:
    """Download ``url`` to ``path``, whole and of the hash ``wanted`` or not at all."""
    pooch.get_logger().setLevel(logging.WARNING)
    downloader = pooch.HTTPDownloader(
        progressbar=bool(sys.stderr and sys.stderr.isatty()),
        timeout=(_CONNECT_SECONDS, _READ_SECONDS),
        allow_redirects=True,
    )
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=path.parent) as folder:
        try:
            came = Path(pooch.retrieve(url, known_hash=None, fname=path.name, path=folder, downloader=downloader))
        except (OSError, ValueError) as error:
            said = " ".join(str(error).split())
            cause = re.search(r"\[Errno [^\]]*\] [^'\")]+", said)  # what it comes down to, in all that urllib3 says
            reason = cause[0] if cause else said[:160]
            raise InputError(f"{url} cannot be had: {reason}; get the file by other means and name its path") from None
        found = _hash(came)
        if not found.startswith(wanted):
            raise InputError(
                f"{url} is not the file that was meant: its sha256 is {found}, not {wanted}"
                + ("" if len(wanted) == _DIGITS else "...")
            )
        os.replace(came, path)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
