"""Microsoft's emulator of its object store, Azurite, where a user has it (``npm install azurite``): for tests by hand.

Its account and key are the ones that every such emulator has, and no secret.
"""

import base64
import hashlib
import hmac
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PORT = 10000
"""The one at which obstore looks for it."""
VERSION = "2021-08-06"


@contextmanager
def azurite(container: str) -> Iterator[None]:
    """Have the emulator run, with a container, while the block does; skip the test where there is none."""
    command = shutil.which("azurite-blob")
    if command is None:
        pytest.skip("azurite-blob is not on the PATH: npm install azurite")
    options = ("--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck")
    where = ("--blobHost", "127.0.0.1", "--blobPort", str(PORT))
    process = subprocess.Popen([command, *options, *where], stdout=subprocess.DEVNULL)
    try:
        _wait_for_it()
        _make(container)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for_it() -> None:
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", PORT), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _make(container: str) -> None:
    date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    signed = "\n".join(
        [
            *("PUT", *[""] * 11),
            *(f"x-ms-date:{date}", f"x-ms-version:{VERSION}"),
            *(f"/{ACCOUNT}/{ACCOUNT}/{container}", "restype:container"),
        ]
    )
    mac = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
    headers = {
        "x-ms-date": date,
        "x-ms-version": VERSION,
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(mac).decode()}",
        "Content-Length": "0",
    }
    url = f"http://127.0.0.1:{PORT}/{ACCOUNT}/{container}?restype=container"
    with urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers)):
        pass
