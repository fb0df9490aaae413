"""What pools are: held against the stored slots and the network, and against plain autograd."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from blindspots.jobs.run import run_study
from blindspots.jobs.stages.hardening import reasons as module
from blindspots.jobs.stages.hardening.reasons import pool_reasons
from blindspots.jobs.workspace import Workspace
from blindspots.networks.fully_connected import FullyConnected
from blindspots.results import Results
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from blindspots.training.hardening.parts import above, below
from tests.blindspots.jobs.stages.hardening.test_results import MODELS, NET, POOL, study_in

pytestmark = pytest.mark.xdist_group("hardening_reasons")  # one study, made once
BOTH = {"name": "both", **NET, "pools": {**POOL, "layers": [0, 1], "weight": 0.3, "direction": "gradient"}}


def both_in(folder: Path, **pools: object) -> Study:
    content = study_in(folder).model_dump(mode="json")
    both = {**BOTH, "pools": {**BOTH["pools"], **pools}}
    return validate_study({**content, "models": [both, MODELS[2]], "seeds": 1})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reasons")
    run_study(both_in(folder), folder / "root")
    return folder


def test_changes_are_those_stored_and_no_hidden_activation_is_nearer_than_found(folder: Path) -> None:
    with Results(folder / "root") as results:
        found, network = results.group(layout.reasons("both", 0)), results.network("both", 0)
        workspace = Workspace(results.study, Place.at(folder / "root"))
        assert isinstance(network, FullyConnected)
        for layer in (0, 1):
            pool = results.group(layout.pool("both", 0, layer))
            slots = np.flatnonzero(pool["success"].values & (pool["round"].values >= 0))
            own = found.sel(layer=layer)
            assert int(np.isfinite(own["change"]).sum()) == len(slots)
            images = workspace.dataset.images("train", pool["example"].values[slots])
            labels = workspace.dataset.labels("train", pool["example"].values[slots])
            with torch.no_grad():
                now = below(network, layer)(images)
                wanted = (now + torch.from_numpy(pool["values"].values[slots])).clamp(0, 1)
                misread = above(network, layer)(wanted).argmax(1) != labels
                all_of_them = below(network, layer)(workspace.dataset.images("train", workspace.examples("train", 24)))
            change, distance = own["change"].values[: len(slots)], own["distance"].values[: len(slots)]
            np.testing.assert_allclose(change, (wanted - now).norm(dim=1).numpy(), atol=1e-5)
            assert own["misread"].values[: len(slots)].tolist() == misread.tolist()
            if layer:
                assert np.all(distance <= torch.cdist(wanted, all_of_them).amin(1).numpy() + 1e-5)
                assert np.all(distance < change)
            else:
                assert not distance.any()
                np.testing.assert_allclose(own["input_change"].values[: len(slots)], change)


def test_shares_of_the_gradient_are_autograds(folder: Path) -> None:
    with Results(folder / "root") as results:
        found, network = results.group(layout.reasons("both", 0)), results.network("both", 0)
        workspace = Workspace(results.study, Place.at(folder / "root"))
        assert isinstance(network, FullyConnected)
        network.requires_grad_(True)
        parts = {}
        ids = workspace.examples("train", 24)
        images, labels = workspace.dataset.images("train", ids), workspace.dataset.labels("train", ids)
        losses = {"images": 0.7 * cross_entropy(network(images), labels)}
        for layer in (0, 1):
            pool = results.group(layout.pool("both", 0, layer))
            slots = np.flatnonzero(pool["success"].values & (pool["round"].values >= 0))
            own = workspace.dataset.images("train", pool["example"].values[slots])
            values = (below(network, layer)(own) + torch.from_numpy(pool["values"].values[slots])).clamp(0, 1)
            read = above(network, layer)(values)
            losses[layer] = 0.15 * cross_entropy(read, workspace.dataset.labels("train", pool["example"].values[slots]))
        for name, loss in losses.items():
            network.zero_grad()
            torch.autograd.backward(loss)
            parts[name] = float(torch.cat([part.grad.flatten() for part in network.parameters()]).norm())
        for layer in (0, 1):
            share = float(found["gradient_share"].sel(layer=layer))
            assert share == pytest.approx(parts[layer] / sum(parts.values()), rel=1e-3)


def test_what_decides_it_is_the_weights_and_the_pools(folder: Path) -> None:
    study = both_in(folder)
    workspace = Workspace(study, Place.at(folder / "root"))
    (job,) = pool_reasons(study)
    assert (job.key, job.inputs) == ("reasons/both/seed-0", ("models/both/seed-0",))
    assert job.done(workspace) == [True]
    other = Workspace(both_in(folder, weight=0.4), workspace.place)
    assert job.identity(other, 0) != job.identity(workspace, 0)
    assert not list(pool_reasons(both_in(folder, reach=0)))
    receipt = workspace.place.read(layout.receipt(layout.training_job("both", 0), 0))
    assert any(name.startswith("layer-1/") for name in json.loads(receipt)["arrays"])
    assert module.SLOTS == 100
