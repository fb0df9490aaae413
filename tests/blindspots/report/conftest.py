"""A finished store with a model of every kind, trained for a moment: most of its cells disagree with the paper's."""

from pathlib import Path

import pytest

from blindspots.datasets.dataset import Dataset
from blindspots.report.build import build_report
from blindspots.results.results import Results
from blindspots.study.file import validate_study
from blindspots.study.study import Study

DECAY = [1e-5, 1e-5, 1e-6]
KINDS = {
    "name": "kinds",
    "models": [
        {"name": "fc10-1e-4", "paper": "FC10(1e-4)", "decay": [1e-4]},
        {"name": "fc100-100-10", "paper": "FC100-100-10", "hidden": [100, 100], "decay": DECAY},
        {"name": "ae40-10", "paper": "AE400-10", "network": "autoencoder", "hidden": [40], "decay": [1e-6]},
        {"name": "conv4-10", "network": "convolutional", "channels": [4], "decay": [0, 0]},
        {"name": "fc100-100-10-p1", "paper": "FC100-100-10 on P1", "hidden": [100, 100], "decay": DECAY, "split": "p1"},
        {"name": "fc100-100-10-p2", "paper": "<i>P2 & 'co'</i>", "hidden": [100, 100], "decay": DECAY, "split": "p2"},
    ],
    "training": {"images": 300, "iterations": 30, "adam": {"epochs": 2}, "autoencoder": {"iterations": 5}},
    "sets": {"examples": 40, "shard": 40, "noise": [0.1, 1.0]},
    "negatives": {"images": 5, "directions": 4, "multiples": [1, 5]},
    "bounds": {"certified": 2},
}


@pytest.fixture(scope="session")
def kinds() -> Study:
    return validate_study(KINDS)


@pytest.fixture(scope="session")
def kinds_root(tmp_path_factory: pytest.TempPathFactory, kinds: Study, mnist: Dataset) -> Path:
    """The root of the finished study, run in this process; to be read only."""
    from blindspots.jobs.run import run_study

    root = tmp_path_factory.mktemp("kinds") / "root"
    run_study(kinds, root)
    return root


@pytest.fixture(scope="session")
def kinds_page(kinds_root: Path) -> str:
    with Results(kinds_root) as results:
        return build_report(results, explanations={})
