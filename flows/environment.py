"""Settings that Prefect and Ray read from the environment when they are imported; what the user set stays."""

import os

_DEFAULTS = {
    # a busy machine takes longer than Prefect's 20 seconds to bring up the embedded server
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # what serves a study looks for runs that are asked for every so many seconds, and not only every tenth
    "PREFECT_RUNNER_POLL_FREQUENCY": "2",
    # a tool that people host themselves sends nothing home
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    # the working folder stays where it is
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # Ray asks to opt in to what will be its default; no GPU is handed to actors that ask for none
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


_ALONE = {
    # a Ray of the run's own listens on the loopback interface alone, as it does by default on Windows and macOS ...
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # ... and offers no metrics, which it would without a token
    "RAY_enable_metrics_collection": "0",
}
"""What holds where no cluster is named."""


_HERE = ("127.0.0.1", "localhost")
_PAST_PROXIES = ("no_proxy", "NO_PROXY")


def set_defaults() -> None:
    """Set what is not set; call before anything imports Prefect or Ray."""
    for name, value in {**_DEFAULTS, **({} if os.environ.get("RAY_ADDRESS") else _ALONE)}.items():
        os.environ.setdefault(name, value)
    if any(value and name.lower().endswith("_proxy") for name, value in os.environ.items()):
        _reach_this_machine()


def _reach_this_machine() -> None:
    """Have whoever obeys a proxy ask this machine itself: a run's own server never answers a proxy elsewhere.

    Left alone where none is named, since the system's own proxies count only while no variable says anything of any.
    """
    said = {name: os.environ.get(name) for name in _PAST_PROXIES}
    for name in _PAST_PROXIES:
        hosts = [each.strip() for each in (said[name] or next(filter(None, said.values()), "")).split(",")]
        if "*" not in hosts:
            os.environ[name] = ",".join(dict.fromkeys([*filter(None, hosts), *_HERE]))


set_defaults()
