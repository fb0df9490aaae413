"""What actors ask for, and what of that is no such thing."""

import pytest

from blindspots.errors import InputError
from tasks.actors.resources import GPUS, MEMORY, asked_of_ray, gpus_per_model, memory_per_worker
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
