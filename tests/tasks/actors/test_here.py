from pathlib import Path

import pytest
import ray

from blindspots.jobs.job import Progress
from blindspots.jobs.workspace import Workspace
from blindspots.store.place import Place
from blindspots.study.study import Study
from tasks.actors.here import Here
from tests.tasks.actors.test_workers import Scribble


@pytest.fixture
def workspace(tiny: Study, tmp_path: Path) -> Workspace:
    return Workspace(tiny, Place.at(tmp_path))


def test_here_does_the_same_without_ray(workspace: Workspace, tmp_path: Path) -> None:
    said: list[Progress] = []
    here = Here(workspace)
    assert here.submit(Scribble(), 0, said.append).result().seconds > 0
    with pytest.raises(ValueError, match="cannot be done"):
        here.submit(Scribble(), 2, said.append).result()
    assert [progress.done for progress in said] == [1, 2, 1]  # as it comes, also of what fails
    assert not ray.is_initialized()
