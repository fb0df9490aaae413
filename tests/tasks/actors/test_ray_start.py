"""What Ray of the run's own is started with, and what is done where it does not come up."""

import os
from pathlib import Path

import pytest
import ray

from blindspots.errors import InputError
from tasks.actors.ray_start import NotUpError, make_private, start_ray


def test_the_token_is_its_owners_alone(tmp_path: Path) -> None:
    token = tmp_path / "auth_token"
    make_private(token)
    assert not token.exists()
    token.write_text("secret")
    token.chmod(0o644)
    make_private(token)
    assert token.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("failures", [1, 2])
def test_a_ray_that_does_not_come_up_is_tried_once_more_and_then_told_of_in_a_line(
    failures: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried, reaped = [], list[int]()

    def init(**options: object) -> None:
        tried.append(options["address"])
        if len(tried) <= failures:
            raise Exception("The current node\ntimed out during startup.")  # as Ray itself does

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr("tasks.actors.ray_start.reap", reaped.append)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if failures == 1:
        start_ray(1)
    else:
        with pytest.raises(NotUpError, match=r"^Ray did not come up on this machine \(The current node timed out dur"):
            start_ray(1)
    assert tried == ["local"] * 2
    assert reaped == [os.getpid()] * failures


def test_a_home_that_is_not_known_is_told_of_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as it is for a user without one
    with pytest.raises(InputError, match=r"^~/\.ray/auth_token: .* is not known here; set HOME, or do without Ray"):
        start_ray(1)


@pytest.mark.parametrize("port", ["65536", "9" * 20, "9" * 5000])
def test_a_port_that_there_is_not_is_told_of_in_a_line(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    with pytest.raises(InputError, match=r"^no Ray cluster can be joined at .* \(ports end at 65535\); start one"):
        start_ray(1)
