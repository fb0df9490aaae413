"""What a store on an object store stands on: a bucket, asked through obstore, its answers those that files would give.

A request that fails is tried again, with growing pauses, where the server is busy or broken or the connection was cut.
Credentials are found where the object store's other tools find them (the environment, a machine's or a pod's role),
never in the root's address, and are neither kept nor shown.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.util import find_spec
from os import environ
from typing import Any
from urllib.parse import urlsplit

from blindspots.errors import InputError, OutOfReachError

_RETRYING_SECONDS = 15
_REQUEST_SECONDS = 15
IN_FLIGHT_SECONDS = _RETRYING_SECONDS + _REQUEST_SECONDS
"""How long a request that was begun may yet take effect."""
_NO_SUCH_PART = ("416 Range Not Satisfiable", "Invalid range", "non-partial response")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


@dataclass(frozen=True)
class Address:
    """A root on an object store."""

    scheme: str
    bucket: str
    prefix: str
    """With slashes between its parts only; empty for the whole bucket."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def key(self, key: str) -> str:
        """Return a file's whole key in the bucket."""
        return f"{self.prefix}/{key}" if self.prefix and key else self.prefix or key


def parsed_address(text: str) -> Address:
    """Return the address ``scheme://bucket/prefix``; raise :class:`InputError` where it is none."""
    try:
        parts = urlsplit(text)
    except ValueError as error:
        scheme, _, rest = text.partition("://")
        shown = f"{scheme}://{rest.rpartition('@')[2]}"  # without credentials
        raise InputError(f"the root {shown} is no address ({error}); write it as {scheme}://bucket/prefix") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError(
            f"the root {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} has more in it than a bucket and "
            "a prefix; credentials are taken from the environment, and never from an address"
        )
    names = [name for name in parts.path.split("/") if name]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", parts.netloc) or {".", ".."} & set(names):
        raise InputError(f"the root {text!r} names no bucket; write it as {parts.scheme}://bucket/prefix")
    return Address(parts.scheme, parts.netloc, "/".join(names))


@cache
def opened_bucket(scheme: str, bucket: str) -> Any:
    """Return obstore's store of a bucket, one a process; raise :class:`InputError` where obstore is not there.

    Nothing is asked of it yet.
    """
    if find_spec("obstore") is None:
        raise InputError(
            f"a root at {scheme}:// needs obstore: pip install 'blindspots[objects]'; or name a local folder"
        )
    from obstore.exceptions import BaseError
    from obstore.store import MemoryStore, from_url

    if scheme == "memory":
        return MemoryStore()
    endpoint = next((environ[name] for name in _ENDPOINTS if environ.get(name)), "") if scheme == "s3" else ""
    address = Address(scheme, bucket, "")
    try:
        return from_url(
            str(address),
            config={"endpoint": endpoint} if endpoint else None,
            client_options={
                "allow_http": endpoint.startswith("http://"),  # the user said so
                "timeout": timedelta(seconds=_REQUEST_SECONDS),
                "connect_timeout": timedelta(seconds=5),
            },
            retry_config={
                "max_retries": 10,
                "retry_timeout": timedelta(seconds=_RETRYING_SECONDS),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=3),
                    "base": 2,
                },
            },
            credential_provider=_profile() if scheme == "s3" else None,
        )
    except BaseError as error:
        raise InputError(refusal(address, reason(error), "opened")) from None


def _profile() -> Any:
    """Return what finds credentials in the files of the AWS command line, where boto3 is there and they are wanted."""
    if environ.get("AWS_ACCESS_KEY_ID") or find_spec("boto3") is None:
        return None
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Boto3CredentialProvider()
    except ValueError:  # there are none: a machine's or a pod's role, which obstore asks for itself
        return None


@contextmanager
def in_reach(what: str) -> Iterator[None]:
    """Have whatever obstore raises while a block runs be an :class:`OutOfReachError` about ``what``, in one line.

    What says something of an object is no such error: ``FileNotFoundError`` where there is none, ``ValueError`` where
    it has no such part, and obstore's own where one is there already or is another than it was.
    """
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise
    except FileNotFoundError as error:
        raise FileNotFoundError(str(error).partition(": ")[0]) from None
    except BaseError as error:
        if any(said in str(error) for said in _NO_SUCH_PART):
            raise ValueError(f"a file of {what} is shorter than it should be") from None
        raise OutOfReachError(
            f"{what} cannot be used: {reason(error)}; what is done is kept, and the next run goes on from here"
        ) from None


def reason(error: Exception) -> str:
    """Return what an error of obstore's says, in a line: without the answer's body, which may name who asked."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    answer = re.search(r"status code: (\d+ [A-Za-z ]+)", first)
    if answer is not None:
        return f"it answers {answer[1].strip()}"
    asked = re.search(r"Error performing [A-Z]+ (\w+://[^/ ]+)", first)
    if asked is not None:
        return f"no answer from {asked[1]}"
    return re.split(r":? *<", first)[0][:200].rstrip(" :.")


def refusal(address: Address, said: str, what: str = "read") -> str:
    """Return why a root cannot be had, and what would be right; ``said``: by :func:`in_reach`."""
    said = said.partition(" cannot be used: ")[2].partition("; what is done")[0] or said
    if "404" in said or "NoSuchBucket" in said:
        return f"there is no bucket {address.bucket} for the root {address}; make it, or name another"
    return (
        f"the root {address} cannot be {what} ({said}); see that credentials, region and endpoint are in the "
        "environment, as for other tools of that object store, and that they allow it"
    )
