"""What Prefect and Ray read from the environment: set where the user has not, and left where he has."""

import os
import subprocess
import sys

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


@pytest.mark.parametrize("cluster", ["", "10.0.0.1:6379"])
def test_a_ray_of_the_runs_own_stays_on_loopback_and_a_cluster_does_not(
    cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    set_defaults()
    assert os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER") == (None if cluster else "0")
