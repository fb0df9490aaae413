"""The golden numbers of certificates."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import nn

from blindspots.jobs.stages import certificates as module
from blindspots.networks.convolutional import Convolutional
from blindspots.spectral.proof.certificate import certified_radius
from blindspots.study import Study
from tests.fixed import CLASSES, SHAPE, fixed_images, fixed_network, integers, labels_read

GOLDEN = {
    (): [0.0, 0.01482713287834124, 0.015644315508261633, 0.005576710157741906],
    (12,): [0.0, 0.014273080541897088, 0.012539037114885469, 0.013455848830827531],
    (12, 11): [0.0, 0.0161968589075611, 0.011759190424179155, 0.024265189990702887],
}
"""Certified distortions of four images, the first of them misread, by hidden units."""


@pytest.mark.numerics
@pytest.mark.parametrize("hidden", GOLDEN)
def test_golden_numbers(hidden: tuple[int, ...]) -> None:
    """Where one of these moves, ALGORITHM is to be raised, and these numbers with it."""
    images, _ = fixed_images(4)
    model = fixed_network(*hidden)
    found = certified_radius(model, images, labels_read(model, images), method="local")
    assert module.ALGORITHM == 2
    assert found.distortion.tolist() == pytest.approx(GOLDEN[hidden], rel=1e-8)


RELAXED = [0.0, 0.014196194435507873, 0.00293904704007439, 0.019863730856131606]
"""The same of a convolutional network, in its own arithmetic."""


@torch.no_grad()
def fixed_convolutions() -> Convolutional:
    """Return a convolutional network, float64, whose weights are given."""
    network = Convolutional(SHAPE, (3,), (6,), CLASSES).double().eval()
    for number, values in enumerate(network.parameters()):
        values.copy_(torch.from_numpy(integers(40 + number, *values.shape, low=-64, high=64) / 128))
    return network.requires_grad_(False)


@pytest.mark.numerics
def test_golden_numbers_of_rectifiers() -> None:
    """Where one of these moves, RELAXED_ALGORITHM is to be raised, and these numbers with it."""
    images, _ = fixed_images(4)
    model = fixed_convolutions()
    found = certified_radius(model, images, labels_read(model, images), method="relaxation", arithmetic="own")
    assert module.RELAXED_ALGORITHM == 2
    assert found.distortion.tolist() == pytest.approx(RELAXED, rel=1e-5)


def test_each_network_has_its_method() -> None:
    study = Study(
        name="two",
        models=[
            {"name": "fc", "hidden": [3], "decay": [0, 0]},
            {"name": "conv", "network": "convolutional", "channels": [2], "decay": [0, 0]},
            {"name": "any", "given": {"weights": "w.pth", "network": "alexnet"}},
            {"name": "known", "given": {"weights": "w.pth"}, "hidden": [3]},
        ],
        sets={"rules": ["nearest"]},
    )
    jobs = {job.model: job for job in module.certificates(study)}
    assert {name: job.method(study) for name, job in jobs.items()} == {
        "fc": "local",
        "conv": "relaxation",
        "any": "auto",
        "known": "local",
    }
    without = study.model_copy(update={"bounds": study.bounds.model_copy(update={"certified": 0})})
    assert not list(module.certificates(without))


def test_of_any_network_what_applies_is_proved_and_what_does_not_is_named(caplog: pytest.LogCaptureFixture) -> None:
    images, _ = fixed_images(2)

    def proved(*between: nn.Module) -> str | None:
        draw = torch.Generator().manual_seed(3)
        network = nn.Sequential(nn.Flatten(), nn.Linear(images[0].numel(), 4), *between, nn.Linear(4, CLASSES))
        for values in network.parameters():
            values.data = torch.randn(values.shape, generator=draw) / 8
        network = network.double().eval().requires_grad_(False)
        found = module.sharpest(network, images, network(images).argmax(1))
        assert found is None or bool((found.radius > 0).all())
        return None if found is None else found.method

    assert [proved(nn.Sigmoid()), proved(nn.ReLU())] == ["local", "relaxation"]
    assert not caplog.records
    assert proved(nn.Sigmoid(), nn.ReLU()) is None
    assert "Sigmoid" in caplog.text


def test_shards_of_what_takes_seconds_are_short_and_read_what_they_begin_with() -> None:
    study = Study(
        name="two",
        models=[
            {"name": "fc", "hidden": [3], "decay": [0, 0]},
            {"name": "conv", "network": "convolutional", "channels": [2], "decay": [0, 0]},
        ],
        sets={"rules": ["nearest"], "shard": 25},
        bounds={"certified": 190},
    )
    workspace: Any = SimpleNamespace(study=study, examples=lambda split: np.arange(1000))
    fully, convolutional = module.certificates(study)
    assert [fully.size(workspace, shard) for shard in range(fully.shards(workspace))] == [10] * 19
    assert [list(fully._read_from(workspace, shard)) for shard in (0, 18)] == [[0], [7]]
    assert [convolutional.size(workspace, shard) for shard in range(convolutional.shards(workspace))] == [10] * 4 + [8]
    read = [list(convolutional._read_from(workspace, shard)) for shard in range(5)]
    assert read == [[0], [0], [0, 1], [1], [1]]


def six_images(parts: int) -> tuple[module.Certificates, Any]:
    """A network of rectifiers and six images, as a job and where it works; branch and bound for ``parts`` of a ball."""
    spec = {"name": "conv", "network": "convolutional", "channels": [3], "decay": [0, 0]}
    bounds = {"certified": 24, "parts": parts}
    study = Study(name="one", models=[spec], sets={"rules": ["nearest"]}, bounds=bounds)
    images, _ = fixed_images(6)
    read = labels_read(fixed_convolutions(), images)
    dataset = SimpleNamespace(images=lambda split, ids: images[ids], labels=lambda split, ids: read[ids])
    (job,) = module.certificates(study)
    return job, SimpleNamespace(study=study, dataset=dataset, device=torch.device("cpu"))


def certified(parts: int, shard: int) -> np.ndarray:
    """Return what is proved of three of the six images."""
    job, workspace = six_images(parts)
    torch.rand(1 + shard)  # what a worker did before is another's concern
    with (
        patch.object(module, "trained_model", lambda *_: fixed_convolutions()),
        patch.object(module.Certificates, "leasts", lambda self, workspace, ids: np.ones(len(ids))),
    ):
        found: np.ndarray = job.compute(workspace, np.arange(3 * shard, 3 * shard + 3))["certified"]
    assert (found > 0).sum() >= 2
    return found


def test_two_workers_leave_what_one_leaves_and_branch_and_bound_leaves_more() -> None:
    """Shards of a network of rectifiers, one after another and, in the other order, in two processes: the same bits."""
    work = [(parts, shard) for parts in (0, 40) for shard in range(2)]
    alone = [certified(*each) for each in work]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as workers:
        together = list(workers.map(certified, *zip(*work[::-1], strict=True)))[::-1]
    assert [each.tobytes() for each in together] == [each.tobytes() for each in alone]
    relaxed, branched = np.concatenate(alone[:2]), np.concatenate(alone[2:])
    assert (branched >= relaxed).all()
    assert (branched > 1.001 * relaxed).any()


def test_branch_and_bound_is_other_work_by_how_far_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "weights_hash", lambda *_: "0")
    contents = [job.content(workspace) for job, workspace in map(six_images, (0, 40, 400))]
    found = [(each["method"], each.get("parts")) for each in contents if each is not None]
    assert found == [("relaxation", None), ("exact", 40), ("exact", 400)]
