"""What all tests share: the real MNIST, and a study small enough to run whole in seconds."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from hypothesis import settings

from blindspots.study.file import validate_study
from blindspots.study.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from blindspots.datasets.dataset import Dataset
    from tests.s3_server import Server

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: tests run in as many processes as cores

# in CI the same examples every time: a change is judged by what it changed; elsewhere new ones, which find more
settings.register_profile(
    "blindspots", deadline=None, derandomize="CI" in os.environ, max_examples=40 if "CI" in os.environ else 100
)
settings.load_profile("blindspots")

NUMERICS = (
    "blindspots/distortion/projection/",
    "blindspots/distortion/test_paths.py",
    "blindspots/distortion/test_search.py",
    "blindspots/negatives/",
    "blindspots/perturbation/",
    "blindspots/spectral/proof/",
    "blindspots/training/",
)
"""Where tests depend on the processor's arithmetic, beside those that say so themselves."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave alone what ``-m numerics`` cannot ask for: to import all tests takes as long as a third of those."""
    if config.option.markexpr != "numerics" or not collection_path.name.startswith("test_"):
        return None
    place = collection_path.relative_to(Path(__file__).parent).as_posix()
    return None if place.startswith(NUMERICS) or "mark.numerics" in collection_path.read_text() else True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what .ci/run repeats as on other processors."""
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        if place.startswith(NUMERICS):
            item.add_marker(pytest.mark.numerics)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin every test at the same place of torch's own stream: what it draws without a seed is the same every time."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _written_modules_forgotten(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have the next test import its own ``networks.py``, not the one that this test wrote."""
    folder = f"{request.getfixturevalue('tmp_path')}{os.sep}" if "tmp_path" in request.fixturenames else ""
    yield
    if folder:
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(folder):
                del sys.modules[name]


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """The real MNIST, from the cache, or fetched once by whatever way there is."""
    from blindspots.datasets.loading import load_dataset

    return load_dataset("mnist")


TINY = {
    "name": "tiny",
    "models": [
        {"name": "fc10", "paper": "FC10(1e-2)", "decay": [1e-2]},
        {"name": "fc20-10", "hidden": [20], "decay": [1e-4, 1e-4]},
    ],
    "training": {"images": 500, "iterations": 60, "checkpoint_every": 30},
    "sets": {"examples": 50, "shard": 20, "noise": [0.1, 1.0], "amplified_splits": ["train"]},
    "negatives": {"images": 20, "directions": 5, "multiples": [1, 2]},
    "bounds": {"certified": 3},
}


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """The root of the finished tiny study, run in this process; to be read only."""
    return run_once("tiny", TINY, tmp_path_factory)


def run_once(name: str, content: dict[str, Any], folders: pytest.TempPathFactory) -> Path:
    """Run a study in this process, once for all processes that the tests run in; return its root, to be read only."""
    from blindspots.jobs.run import run_study

    return made_once(name, lambda folder: run_study(validate_study(content), folder / "root"), folders) / "root"


def made_once(name: str, make: Callable[[Path], object], folders: pytest.TempPathFactory) -> Path:
    """Fill a folder by ``make``, once for all processes that the tests run in; return it, to be read only."""
    base = folders.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # which the processes have in common
    with FileLock(base / f"{name}.lock"):
        if not (base / f"{name}.done").exists():
            make(base / name)
            (base / f"{name}.done").touch()
    return base / name


@pytest.fixture(scope="session")
def s3() -> Iterator[Server]:
    """An S3 server with the bucket ``tests``, which the environment names; for tests of the group ``s3``."""
    from blindspots.store.places.bucket import opened_bucket
    from tests.s3_server import s3_server

    with s3_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        opened_bucket.cache_clear()
        server.make_bucket("tests")
        yield server
        opened_bucket.cache_clear()


@pytest.fixture(scope="session")
def az() -> Iterator[None]:
    """Azurite with the container ``tests``, which the environment names; by hand."""
    from blindspots.store.places.bucket import opened_bucket
    from tests.azurite import azurite

    with azurite("tests"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURE_STORAGE_USE_EMULATOR", "true")
        opened_bucket.cache_clear()
        yield
        opened_bucket.cache_clear()


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy of the finished root, for tests that change it."""
    shutil.copytree(tiny_root, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def tiny() -> Study:
    """A whole study in small: two models, three shards a set, two segments of training."""
    return validate_study(TINY)
