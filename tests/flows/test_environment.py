"""What Prefect and Ray read from the environment: set where the user has not, and left where he has."""

import os
import subprocess
import sys
from urllib.request import proxy_bypass

import pytest

from flows.environment import set_defaults
from tests.flows.conftest import HOUSE


def test_what_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DO_NOT_TRACK", "0")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    set_defaults()
    assert os.environ["DO_NOT_TRACK"] == "0"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_the_command_line_sets_them_before_anything_reads_them() -> None:
    """Nothing is sent home by a run, and whoever serves a study looks for runs every other second."""
    code = """
import sys, os, flows.cli
print(os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"], "prefect" in sys.modules)
from prefect.settings import get_current_settings
print(get_current_settings().runner.poll_frequency)
"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RAY_"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOUSE, env=kept)
    assert done.stdout.split() == ["false", "False", "2"]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "a.example, b.example"}, "a.example,b.example,127.0.0.1,localhost"),
        ({"no_proxy": "localhost"}, "localhost,127.0.0.1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_no_proxy_stands_between_a_run_and_its_own_server(
    said: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"http_proxy": "http://127.0.0.1:9", **said})
    set_defaults()
    assert os.environ["no_proxy"] == wanted
    assert os.environ.get("NO_PROXY") in (wanted, None)
    assert proxy_bypass("127.0.0.1:4200")
    assert bool(proxy_bypass("a.example")) == ("a.example" in wanted or wanted == "*")


def test_where_no_proxy_is_named_nothing_is_said_of_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"http_proxy": ""})
    set_defaults()
    assert not {"no_proxy", "NO_PROXY"} & os.environ.keys()


@pytest.mark.parametrize("cluster", ["", "10.0.0.1:6379"])
def test_a_ray_of_the_runs_own_stays_on_loopback_and_a_cluster_does_not(
    cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    set_defaults()
    assert os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER") == (None if cluster else "0")
