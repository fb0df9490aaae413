"""A study with every kind of network and both halves: what the small study of the other tests lacks."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import load_file

from blindspots.datasets.dataset import Dataset
from blindspots.jobs.job import Progress
from blindspots.jobs.opening import open_root
from blindspots.jobs.run import run_study
from blindspots.jobs.stages.trainings import trained_model
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from tests.stores import decoded

pytestmark = pytest.mark.xdist_group("all_kinds")  # one study, made once

KINDS = {
    "name": "kinds",
    "models": [
        {"name": "fc10-1e-2", "decay": [1e-2]},
        {"name": "fc10-again", "decay": [1e-2], "initial": 1},
        {"name": "ae30-10", "network": "autoencoder", "hidden": [30], "decay": [1e-4]},
        {"name": "conv4-10", "network": "convolutional", "channels": [4], "decay": [0, 0], "examples": 30},
        {"name": "fc20-10-p1", "hidden": [20], "decay": [1e-4, 1e-4], "split": "p1"},
        {"name": "fc20-10-p2", "hidden": [20], "decay": [1e-4, 1e-4], "split": "p2"},
    ],
    "training": {
        "images": 500,
        "iterations": 20,
        "checkpoint_every": 10,
        "adam": {"epochs": 2},
        "autoencoder": {"iterations": 20},
    },
    "sets": {"examples": 40, "targeted_examples": 20, "shard": 20, "noise": [0.06]},
    "negatives": {"images": 10, "directions": 4, "multiples": [2]},
    "bounds": {"certified": 2},
}
WHOLE = ("fc10-1e-2", "fc10-again", "ae30-10", "conv4-10")
HALVES = ("fc20-10-p1", "fc20-10-p2")


@pytest.fixture(scope="module")
def kinds() -> Study:
    return validate_study(KINDS)


@pytest.fixture(scope="module")
def root(kinds: Study, tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    root = tmp_path_factory.mktemp("kinds") / "root"
    run_study(kinds, root)
    return root


@pytest.fixture(scope="module")
def tree(root: Path) -> xr.DataTree:
    return xr.open_datatree(root / "study.zarr", engine="zarr", chunks=None)


def test_halves_are_distorted_on_test_images_the_others_on_training_images(tree: xr.DataTree) -> None:
    for name in WHOLE:
        assert list(tree[f"sets/{name}/seed-0"].children) == ["train"]
    for name in HALVES:
        assert list(tree[f"sets/{name}/seed-0"].children) == ["test"]
    sizes = {
        (name, rule): tree[f"sets/{name}/seed-0/train/{rule}"].sizes["example"]
        for name in WHOLE
        for rule in ("nearest", "random")
    }
    assert sizes == {(name, rule): 20 if rule == "random" else 30 if name == "conv4-10" else 40 for name, rule in sizes}
    assert tree["references/train/noise-0.06"].sizes["example"] == 20
    assert tree["references/test/noise-0.06-clipped"].sizes["example"] == 20


def test_clean_images_are_those_of_the_model_and_of_the_other_half(
    tree: xr.DataTree, root: Path, kinds: Study, mnist: Dataset
) -> None:
    clean = tree["transfer"].to_dataset().sel(source="clean", seed=0, rule="none", variant="plain")
    workspace = open_root(kinds, root).workspace
    for name in (*WHOLE, *HALVES):
        model = trained_model(workspace, name, 0)
        there = {"train", "test"} if name in WHOLE else {"p1", "p2", "test"}
        for split in ("train", "p1", "p2", "test"):
            cell = clean.sel(target=name, split=split)
            if split not in there:
                assert int(cell.n) == 0
                continue
            ids = mnist.order(split, 0)[: None if split == "test" else 500]
            wrong = model(mnist.images(split, ids)).argmax(1) != mnist.labels(split, ids)
            assert (int(cell.n), int(cell.misread)) == (len(ids), int(wrong.sum())), (name, split)
    own, other = (float(clean.rate.sel(target="fc20-10-p1", split=split)) for split in ("p1", "p2"))
    assert own < other


def test_only_what_table_4_shows_is_amplified(tree: xr.DataTree, mnist: Dataset, root: Path, kinds: Study) -> None:
    n = tree["transfer"].to_dataset().n.sel(seed=0)
    variants = ["amplified", "amplified-clipped", "amplified-in-box"]
    within = n.sel(source=list(HALVES), target=list(HALVES), split="test", variant=variants)
    assert (within.sel(rule="nearest") == 40).all()
    assert (within.sel(rule="random") == 20).all()
    assert int(n.sel(variant=variants).sum()) == int(within.sum())
    found = tree["sets/fc20-10-p1/seed-0/test/random"].to_dataset()
    images = mnist.pixels["test"][found.example.values][:, None].astype(np.float64) / 255
    direction = found.perturbation.values.astype(np.float64)
    size = np.sqrt((direction**2).mean((1, 2, 3), keepdims=True))
    direction /= np.where(size > 0, size, 1)  # an image read as its target from the start is not moved
    at = {"source": "fc20-10-p1", "target": "fc20-10-p2", "seed": 0, "split": "test", "rule": "random"}
    cell = tree["transfer"].to_dataset().sel(at)
    model = trained_model(open_root(kinds, root).workspace, "fc20-10-p2", 0)
    for variant in variants:
        low, high = 0.1, 100.0  # the scale at which the clipped image is 0.1 away, by bisection
        for _ in range(60):
            scale = (low + high) / 2
            change = (images + scale * direction).clip(0, 1) - images
            far = np.sqrt((change**2).mean((1, 2, 3), keepdims=True)) > 0.1
            low, high = np.where(far, low, scale), np.where(far, scale, high)
        shown = images + (low if variant == "amplified-in-box" else 0.1) * direction
        shown = shown if variant == "amplified" else shown.clip(0, 1)
        wrong = model(torch.from_numpy(shown).float()).argmax(1).numpy() != found.label.values
        assert abs(int(cell.misread.sel(variant=variant)) - int(wrong.sum())) <= 1  # one may lie on a boundary
        size = np.sqrt(((shown - images) ** 2).mean((1, 2, 3))).mean()
        assert float(cell.distortion.sel(variant=variant)) == pytest.approx(size, rel=1e-5)


def test_the_autoencoder_is_frozen_below_the_softmax(root: Path, tree: xr.DataTree, mnist: Dataset) -> None:
    """The curve has both phases; codes are sparse as asked, and rebuild the images better than their mean does."""
    curve = tree["training/ae30-10/seed-0"].to_dataset()
    assert curve.phase.values.tolist() == [0] * 21 + [2] * 21
    assert curve.phase.attrs["flag_meanings"] == "autoencoder minibatches full-batch"
    losses = curve.loss.values
    assert losses[20] < 0.5 * losses[0]
    assert losses[41] < losses[21]
    weights = load_file(root / "models/ae30-10/seed-0.safetensors")
    images = mnist.images("train", mnist.order("train", 0)[:500]).flatten(1)
    codes = torch.sigmoid(images @ weights["layers.1.weight"].T + weights["layers.1.bias"])
    assert float(codes.mean()) == pytest.approx(0.1, abs=0.06)
    assert weights["layers.3.weight"].shape == (10, 30)


def test_other_initial_weights_make_another_model(tree: xr.DataTree, root: Path) -> None:
    one, other = (load_file(root / f"models/{name}/seed-0.safetensors") for name in ("fc10-1e-2", "fc10-again"))
    assert not torch.equal(one["layers.1.weight"], other["layers.1.weight"])
    n = tree["transfer"].n.sel(source="fc10-1e-2", target="fc10-again", split="train", rule="nearest", variant="plain")
    assert n.values == [40]


def test_it_goes_on_from_every_kind_of_training(kinds: Study, root: Path, tmp_path: Path) -> None:
    """Stopped once in each phase of each kind; at last the weights and courses are those of a run that was not."""
    stops = [("ae30-10", 12), ("ae30-10", 35), ("conv4-10", 2), ("fc20-10-p1", 15)]
    for name, iteration in stops:

        def watch(progress: Progress, name: str = name, iteration: int = iteration) -> None:
            if progress.job == f"models/{name}/seed-0" and progress.done >= iteration:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_study(kinds, tmp_path / "root", on_progress=watch)
        assert list((tmp_path / "root").glob(f"models/{name}/*.checkpoint.safetensors")), name

    def no_further(progress: Progress) -> None:
        if progress.stage == "generate":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(kinds, tmp_path / "root", on_progress=no_further)
    here, there = decoded(tmp_path / "root"), decoded(root)
    trained = {name for name in there if name.startswith(("models/", "training/"))}
    assert len(trained) > 50
    assert trained == {name for name in here if name.startswith(("models/", "training/"))}
    for name in trained:
        np.testing.assert_array_equal(here[name], there[name], err_msg=name)


@pytest.mark.parametrize("number", ["1", "2", "3", "4"])
def test_every_table_is_drawn(tree: xr.DataTree, number: str) -> None:
    table = tree[f"tables/table{number}"].to_dataset()
    models = table["model" if number in "13" else "target"].values.tolist()
    assert models == list(WHOLE if number in "12" else HALVES)
