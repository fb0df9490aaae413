"""What actors ask for, and what of that is no such thing."""

from pathlib import Path

import pytest

from blindspots.errors import InputError
from tasks.actors.resources import (
    GPUS,
    MEMORY,
    asked_of_ray,
    check_resources,
    gpus_per_model,
    memory_here,
    memory_per_worker,
)
from tasks.actors.workers import Workers


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (MEMORY, GPUS, "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("said", "size"),
    [("1500M", 1_500_000_000), ("2G", 2 * 10**9), ("2GB", 2 * 10**9), ("1.5Gi", 3 * 2**29), ("", None)],
)
def test_memory_is_said_as_a_size(monkeypatch: pytest.MonkeyPatch, said: str, size: int | None) -> None:
    monkeypatch.setenv(MEMORY, said)
    assert memory_per_worker() == size
    assert asked_of_ray("cpu", 2, 0).get("memory") == size


def test_on_a_cluster_memory_is_asked_for_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert asked_of_ray("cpu", 2, 0) == {"num_cpus": 1, "scheduling_strategy": "SPREAD", "memory": 10**9}


@pytest.mark.parametrize(
    ("said", "workers", "gpus", "share"),
    [("0.25", 4, 8, 0.25), ("1", 4, 1, 1), ("", 4, 2, 0.5), ("", 2, 8, 1), ("", 4, 0, 1)],
)
def test_a_model_has_a_share_of_a_gpu(
    monkeypatch: pytest.MonkeyPatch, said: str, workers: int, gpus: float, share: float
) -> None:
    monkeypatch.setenv(GPUS, said)
    assert asked_of_ray("cuda", workers, gpus)["num_gpus"] == share
    assert "num_gpus" not in asked_of_ray("cpu", workers, gpus)


@pytest.mark.parametrize(
    ("name", "said"),
    [(MEMORY, "much"), (MEMORY, "0G"), (MEMORY, "2"), (GPUS, "0"), (GPUS, "1.5"), (GPUS, "nan"), (GPUS, "half")],
)
def test_what_is_none_is_refused_before_ray_is_started(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    monkeypatch.setenv(name, said)
    with pytest.raises(InputError, match=f"{name}='{said}' is no "):
        Workers(1).start()
    assert (memory_per_worker if name == GPUS else gpus_per_model)() is None


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        (1, r"='9G' is more than 1 worker can .* the 8000M .*; not one has room: each can have 8000M$"),
        (2, r"='3G' is more than 2 workers .*; 1 at most have room, by --workers 1, or each can have 2500M$"),
        (3, r"='3G' is more than 3 workers .*; 2 at most have room, by --workers 2, or each can have 2666M$"),
    ],
)
def test_more_memory_than_this_machine_has_is_refused(monkeypatch: pytest.MonkeyPatch, workers: int, said: str) -> None:
    """A Ray of the run's own would wait for it for ever; a cluster may grow."""
    monkeypatch.setattr("tasks.actors.resources.memory_here", lambda: 5 * 10**9 if workers == 2 else 8 * 10**9)
    monkeypatch.setenv(MEMORY, "9G" if workers == 1 else "3G")
    with pytest.raises(InputError, match=MEMORY + said):
        check_resources(workers)
    check_resources(workers - 1)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    check_resources(workers)


def test_a_container_has_what_it_may(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    limits = [tmp_path / name for name in ("max", "bytes", "none")]
    monkeypatch.setattr("tasks.actors.resources._LIMITS", tuple(map(str, limits)))
    whole = memory_here()
    limits[0].write_text("max\n")
    limits[1].write_text("9223372036854771712\n")
    assert memory_here() == whole
    limits[1].write_text("1000000\n")
    assert memory_here() == 1_000_000
