"""Detectors as jobs: what they leave, on what they depend, what they refuse."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from blindspots.detectors.detector import Detector
from blindspots.detectors.linear import Linear
from blindspots.errors import InputError
from blindspots.jobs.hands import OwnHands
from blindspots.jobs.stages.features import detectors as module
from blindspots.jobs.stages.features.detectors import DetectorJob, detectors
from blindspots.jobs.stages.hardening.pooled_trainings import trainings
from blindspots.jobs.stages.trainings import trained_model
from blindspots.jobs.workspace import Workspace
from blindspots.models.activations import last_codes
from blindspots.networks.quocnet import resized
from blindspots.store import layout
from blindspots.store.arrays import open_root
from blindspots.store.place import Place
from blindspots.study.study import Study
from blindspots.training.layerwise.stored import stored_quocnet
from tests.blindspots.jobs.conftest import changed
from tests.fixed import integers
from tests.small_quocnet import small_pictures, small_study, trained, with_detector


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A study's QuocNet and detectors; to be read only."""
    folder = tmp_path_factory.mktemp("detectors")
    study = with_detector(small_study(small_pictures(folder / "pictures.npz"), steps=50))
    return trained(folder / "root", study)


def found(workspace: Workspace, name: str) -> xr.Dataset:
    return xr.open_zarr(workspace.place.path(layout.ZARR), group=layout.detector(name), consolidated=False, chunks=None)


@pytest.mark.parametrize("name", ["pixels", "quocnet"])
def test_what_was_detected_no_longer_is(workspace: Workspace, name: str) -> None:
    drawn, dataset = found(workspace, name), workspace.dataset
    assert drawn.positive.values.tolist() == (dataset.labels("test") == 1).tolist()
    assert drawn.sizes["misled"] == 4
    assert drawn.success.all()
    assert (drawn.before > 0).all()
    assert (drawn.after <= 0).all()
    assert drawn.positive.sel(example=drawn.misled.values).all()
    seen = resized(dataset.images("test", drawn.misled.values), workspace.study.quocnet.shape).numpy()
    np.testing.assert_array_equal(drawn.original, seen)
    size = np.sqrt((drawn.perturbation.values.astype(np.float64) ** 2).mean((1, 2, 3)))
    np.testing.assert_allclose(drawn.distortion, size, rtol=1e-5)
    box = drawn.original.values + drawn.perturbation.values
    assert box.min() >= 0
    assert box.max() <= 1
    assert drawn.attrs["area_low"] <= drawn.attrs["area"] <= drawn.attrs["area_high"]
    if name == "pixels":  # which show the blot in the middle; eight features of small stages hardly do
        assert drawn.attrs["area"] > 0.7


def test_what_is_said_counts_no_search_that_failed() -> None:
    def said(*success: bool) -> str:
        made = xr.Dataset({"success": ("misled", list(success)), "distortion": ("misled", [0.004, 0.006, 0.0])})
        return DetectorJob("pixels").said(made.assign_attrs(area=0.9, area_low=0.8, area_high=0.95))

    assert said(True, True, False).endswith("; 2 of 3 misled, by 0.00500 in the mean")
    assert said(False, False, False).endswith("; 0 of 3 misled")


def test_the_features_are_the_quocnet_s(workspace: Workspace) -> None:
    network = stored_quocnet(workspace.place, workspace.study.quocnet)
    assert found(workspace, "quocnet").attrs["features"] == network(torch.zeros(1, 1, 22, 22)).shape[1]
    jobs = {job.key: job.inputs for job in detectors(workspace.study)}
    assert jobs == {"detectors/pixels": (), "detectors/quocnet": ("quocnet/stage-1", "quocnet/stage-2")}
    for job in detectors(workspace.study):
        assert job.done(workspace) == [True]


def test_on_what_a_detector_depends(workspace: Workspace) -> None:
    first = DetectorJob("pixels").identity(workspace, 0)

    def known(**fields: Any) -> str | None:
        study = changed(workspace.study, detector=fields)
        return DetectorJob("pixels").identity(replace(workspace, study=study), 0)

    assert known(what="something else") == first
    others = {"positive": ["0"], "folds": 3, "decay": 0.5, "images": 3}
    assert set(others) == set(type(workspace.study.detector).model_fields) - {"what", "extractors", "models"}
    assert known(models="all") == first
    assert len({first, *(known(**{field: value}) for field, value in others.items())}) == len(others) + 1
    stages = ("quocnet/stage-1", "quocnet/stage-2")
    assert DetectorJob("quocnet", stages).identity(workspace, 0) not in (None, first)
    assert DetectorJob("quocnet", (*stages, "quocnet/stage-3")).identity(workspace, 0) is None


def test_a_detector_on_the_features_of_a_model(workspace: Workspace, tmp_path: Path) -> None:
    study = changed(
        workspace.study,
        models=[{"name": "fc4-2", "hidden": [4], "decay": [0, 0]}],
        quocnet=None,
        detector={"models": "all"},
    )
    own = Workspace(study, Place.at(tmp_path))
    open_root(own.place)
    _, job = detectors(study)
    assert (job.key, job.inputs) == ("detectors/fc4-2", ("models/fc4-2/seed-0",))
    assert job.identity(own, 0) is None
    job.check(own)
    for each in (*trainings(study), job):
        each.prepare(own)
        each.run(own, 0, lambda said: None, OwnHands())
    drawn = found(own, "fc4-2")
    assert drawn.attrs["features"] == 4
    images = own.dataset.images("test", np.arange(5))
    codes = last_codes(trained_model(own, "fc4-2", 0), [images])
    torch.testing.assert_close(job._opened(own).network(images), codes)
    assert drawn.sizes["misled"] == 4
    assert drawn.success.all()
    assert job.identity(own, 0) not in (None, DetectorJob("pixels").identity(own, 0))


def test_what_cannot_be_is_refused_before_any_work(workspace: Workspace, tmp_path: Path) -> None:
    def refused(study: Study, name: str = "pixels") -> str:
        with pytest.raises(InputError) as caught:
            DetectorJob(name).check(Workspace(study, Place.at(tmp_path)))
        return str(caught.value)

    study = workspace.study
    assert "no class" in refused(changed(study, detector={"positive": ["car"]}))
    assert refused(changed(study, detector={"folds": 16})).startswith("15 pictures of a kind for 16 folds")
    assert refused(changed(study, detector={"folds": 16})).endswith("or no detector: --set detector=null")
    given = [{"name": "theirs", "weights": str(tmp_path / "none.pth")}]
    assert "none.pth does not exist" in refused(changed(study, detector={"extractors": given}), "theirs")


@pytest.mark.numerics
def test_a_linear_detector_is_misled_at_its_plane() -> None:
    """The closed form, which no box can make shorter; where it moves, ALGORITHM is to be raised."""
    weights = integers(60, 16, low=-8, high=8) / 16
    images = torch.from_numpy(integers(61, 6, 1, 4, 4, low=0, high=255)).float() / 255
    scores = images.flatten(1).numpy() @ weights
    model = Detector(torch.nn.Flatten(), Linear(weights, 0.5 - float(scores.min())))
    misled = module._misled(model, images)
    assert module.ALGORITHM == 3
    expected = (scores + 0.5 - scores.min()) / np.linalg.norm(weights) / 4
    near = misled["distortion"][1] <= expected * 1.3  # where the box does not matter, the distance to a plane
    assert near.sum() >= 3
    assert (misled["distortion"][1] >= expected * (1 - 1e-4)).all()
