"""The tiny study, run once; tests that change its store take a copy."""

import shutil
from pathlib import Path

import pytest

from blindspots.datasets.dataset import Dataset
from blindspots.jobs.run import run_study
from blindspots.study import Study, validate_study


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """The root of the finished tiny study; to be read only."""
    from tests.conftest import TINY

    root = tmp_path_factory.mktemp("tiny") / "root"
    run_study(validate_study(TINY), root)
    return root


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy of the finished root."""
    shutil.copytree(tiny_root, tmp_path / "root")
    return tmp_path / "root"


def changed(study: Study, **parts: object) -> Study:
    """Return the study with fields of its parts changed, such as ``sets={"examples": 60}``."""
    content = study.model_dump(mode="json")
    for name, value in parts.items():
        if isinstance(value, dict):
            content[name] |= value
        else:
            content[name] = value
    return validate_study(content)
