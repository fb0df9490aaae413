"""Where Ray of the run's own puts its sockets: what cannot be is said before anything starts."""

import os
from contextlib import nullcontext

import pytest
import ray

from blindspots.errors import InputError
from tasks.actors.scratch import check_scratch
from tasks.actors.workers import Workers


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray is running or named, and no scratch folder."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    for name in ("RAY_ADDRESS", "RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
def test_a_scratch_folder_that_is_too_deep_is_refused_before_ray_starts(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = "/tmp/" + "a" * 90
    monkeypatch.setenv(variable, folder)
    workers = Workers(1)
    with pytest.raises(InputError, match=rf"^{variable}={folder} is too deep .* in RAY_TMPDIR, such as /tmp$"):
        workers.start()
    assert not workers.started
    assert not os.path.exists(folder)


def test_ray_takes_what_is_taken_here(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._private.utils import validate_socket_filepath

    session = f"/ray/session_2026-01-02_03-04-05_678901_{os.getpid()}/sockets/plasma_store"
    letters = 107 - len(session) - len("/tmp/")
    monkeypatch.setattr(os, "makedirs", lambda *_, **__: None)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda dir: nullcontext())
    monkeypatch.setenv("RAY_TMPDIR", "/tmp/" + "a" * letters)
    check_scratch()
    validate_socket_filepath(os.environ["RAY_TMPDIR"] + session)
    monkeypatch.setenv("RAY_TMPDIR", "/tmp/" + "a" * (letters + 1))
    with pytest.raises(InputError, match="too deep"):
        check_scratch()
    with pytest.raises(OSError, match="AF_UNIX"):
        validate_socket_filepath(os.environ["RAY_TMPDIR"] + session)


def test_a_scratch_folder_that_cannot_be_written_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/dev/null/x")
    with pytest.raises(
        InputError, match=r"^RAY_TMPDIR=/dev/null/x, the scratch folder of Ray, cannot be written \(Not a"
    ):
        check_scratch()


@pytest.mark.parametrize("joined", [True, False])
def test_a_cluster_that_is_joined_has_a_folder_of_its_own(joined: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/dev/null/x")
    if joined:
        monkeypatch.setattr(ray, "is_initialized", lambda: True)
    else:
        monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    check_scratch()
