"""The table of detectors out of groups written by hand."""

from pathlib import Path

import numpy as np
import pytest

from blindspots.errors import InputError
from blindspots.jobs.expansion import expand
from blindspots.jobs.stages.tables import TableJob
from blindspots.store import layout
from blindspots.study.built_in import QUICK
from blindspots.tables import TABLES
from blindspots.tables.detectors import detectors_table
from tests.detector_rows import held
from tests.small_quocnet import small_pictures, small_study, with_detector


def test_a_row_an_extractor_beside_the_pixels(tmp_path: Path) -> None:
    table = detectors_table(held(tmp_path))
    assert table["extractor"].values.tolist() == ["pixels", "quocnet", "theirs"]
    np.testing.assert_allclose(table["area"], [0.6, 0.65, 0.85])
    np.testing.assert_allclose(table["area_low"], [0.5, 0.55, 0.75])
    assert np.isnan(table["difference"].values[0])
    # pairs in their order, a tie half: of the pixels' 75 there are 9.5 + 3.5 + 8.5 + 1.5 + 6.5 = 29.5
    np.testing.assert_allclose(table["difference"][1:], [1 / 75, (4 * 15 + 13 - 29.5) / 75])
    assert (table["difference_low"] < table["difference"])[1:].all()
    assert table["misled"].values.tolist() == [0, 3, 5]
    assert table["moved"].values.tolist() == [3, 3, 5]
    np.testing.assert_allclose(table["distortion"], [np.nan, 0.01, 0.01])
    assert (table.attrs["positive"], table.attrs["pictures"]) == (5, 20)


def test_detectors_of_other_pictures_are_not_compared(tmp_path: Path) -> None:
    results = held(tmp_path)
    found = results.tree[layout.detector("theirs")]
    found.dataset = found.to_dataset().assign(positive=~found["positive"])
    with pytest.raises(InputError, match="the detector on theirs is of other pictures; finish it"):
        detectors_table(results)


def test_it_is_drawn_of_detectors_alone_which_no_other_table_reads(tmp_path: Path) -> None:
    study = with_detector(small_study(small_pictures(tmp_path / "pictures.npz")))
    jobs = {job.name: job for job in expand(study) if isinstance(job, TableJob)}
    assert set(jobs["detectors"].inputs) == {"detectors/pixels", "detectors/quocnet"}
    alone = {job.name: job for job in expand(study.model_copy(update={"detector": None})) if isinstance(job, TableJob)}
    assert set(jobs) - set(alone) == {"detectors"}
    assert all(jobs[name].inputs == job.inputs for name, job in alone.items())
    assert "no detector" in TABLES["detectors"].lacks(QUICK)
