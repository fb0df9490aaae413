"""What a finished store holds, computed once more from its weights and perturbations with numpy alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from safetensors import safe_open
from safetensors.numpy import load_file

from blindspots.datasets.dataset import Dataset
from blindspots.jobs.run import run_study
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.receipts import read_receipt
from blindspots.study.study import Study
from tests.blindspots.jobs.conftest import changed

MODELS = ("fc10", "fc20-10")


@pytest.fixture(scope="module")
def tree(tiny_root: Path) -> xr.DataTree:
    return xr.open_datatree(tiny_root / "study.zarr", engine="zarr", chunks=None)


def logits(root: Path, model: str, images: np.ndarray) -> np.ndarray:
    """The network, written anew."""
    weights = load_file(root / "models" / model / "seed-0.safetensors")
    names = sorted(name.removesuffix(".weight") for name in weights if name.endswith(".weight"))
    hidden = images.reshape(len(images), -1).astype(np.float64)
    for index, name in enumerate(names):
        hidden = hidden @ weights[f"{name}.weight"].T.astype(np.float64) + weights[f"{name}.bias"]
        if index < len(names) - 1:
            hidden = 1 / (1 + np.exp(-hidden))
    return hidden


def read(root: Path, model: str, images: np.ndarray) -> np.ndarray:
    return logits(root, model, images).argmax(1)


@pytest.mark.parametrize("rule", ["nearest", "random"])
@pytest.mark.parametrize("model", MODELS)
def test_a_stored_set_is_what_it_says(
    tree: xr.DataTree, tiny_root: Path, mnist: Dataset, model: str, rule: str
) -> None:
    found = tree[f"sets/{model}/seed-0/train/{rule}"].to_dataset()
    images = mnist.pixels["train"][found.example.values][:, None].astype(np.float32) / np.float32(255)
    labels = mnist.classes_of["train"][found.example.values]
    distorted = images + found.perturbation.values
    assert distorted.dtype == np.float32
    assert (distorted.min(), distorted.max()) >= (0, 0)
    assert distorted.max() <= 1
    np.testing.assert_array_equal(found.label, labels)
    predicted = read(tiny_root, model, distorted)
    np.testing.assert_array_equal(found.predicted, predicted)
    np.testing.assert_array_equal(found.clean_predicted, read(tiny_root, model, images))
    change = (distorted.astype(np.float64) - images).reshape(50, -1)
    np.testing.assert_allclose(found.distortion, np.sqrt((change**2).mean(1)), rtol=1e-12)
    assert found.success.all()
    if rule == "nearest":
        assert (predicted != labels).all()
        wrong = found.clean_predicted.values != labels
        assert (found.distortion.values[wrong] == 0).all()
    else:
        np.testing.assert_array_equal(predicted, found.target)
        assert (found.target.values != labels).all()
    assert (found.lower_bound <= found.distortion).all()
    rounded = read(tiny_root, model, (distorted * np.float32(255)).round() / np.float32(255))
    left = rounded != labels if rule == "nearest" else rounded == found.target.values
    np.testing.assert_array_equal(found.survives_eight_bits, left)
    assert 0 < left.sum() < 50
    if model == "fc10":
        ratio = (found.distortion / found.exact).values[found.exact > 0]
        assert ratio.min() >= 1 - 1e-6
        assert ratio.mean() < 1.001


def test_targets_are_the_same_for_every_model(tree: xr.DataTree) -> None:
    one, other = (tree[f"sets/{model}/seed-0/train/random"] for model in MODELS)
    np.testing.assert_array_equal(one["target"], other["target"])
    np.testing.assert_array_equal(one["example"], other["example"])


@pytest.mark.parametrize("target", MODELS)
@pytest.mark.parametrize("source", [*MODELS, "noise-0.1", "noise-1-clipped"])
def test_transfer_counts_what_a_reader_would_count(
    tree: xr.DataTree, tiny_root: Path, mnist: Dataset, source: str, target: str
) -> None:
    transfer = tree["transfer"].to_dataset()
    assert transfer.rate.dims == ("source", "target", "seed", "split", "rule", "variant")
    for rule in ("nearest", "random") if source in MODELS else ("none",):
        place = f"sets/{source}/seed-0/train/{rule}" if source in MODELS else f"references/train/{source}"
        found = tree[place].to_dataset()
        images = mnist.pixels["train"][found.example.values][:, None].astype(np.float32) / np.float32(255)
        cell = transfer.sel(source=source, target=target, seed=0, split="train", rule=rule)
        plain = images + found.perturbation.values
        rms = np.sqrt((found.perturbation.values.astype(np.float64) ** 2).mean((1, 2, 3), keepdims=True))
        direction = np.divide(found.perturbation.values, rms, out=np.zeros_like(plain, np.float64), where=rms > 0)
        shown = {"plain": plain}
        if source in MODELS:
            shown |= {
                "amplified": images + 0.1 * direction,
                "amplified-clipped": (images + 0.1 * direction).clip(0, 1),
            }
        for variant, each in shown.items():
            there = cell.sel(variant=variant)
            predicted = read(tiny_root, target, each)
            stored = tree[f"predictions/{source}/seed-0/train/{rule}"][f"{variant}-by-{target}"]
            assert (stored.dtype, stored.dims) == (np.int8, ("example",))
            np.testing.assert_array_equal(stored, predicted, err_msg=f"{rule} {variant}")
            misread = int((predicted != found.label.values).sum())
            assert (int(there.n), int(there.misread)) == (50, misread), (rule, variant)
            assert int(there.clean_misread) == int((read(tiny_root, target, images) != found.label.values).sum())
            assert float(there.rate) == misread / 50
            assert float(there.rate_low) <= misread / 50 <= float(there.rate_high)
            if "target" in found:
                assert int(there.as_target) == int((predicted == found.target.values).sum())
        if source == target:
            assert float(cell.rate.sel(variant="plain")) == 1


@pytest.mark.parametrize("target", MODELS)
def test_clean_errors_are_those_of_the_training_and_the_test_images(
    tree: xr.DataTree, tiny_root: Path, mnist: Dataset, tiny: Study, target: str
) -> None:
    clean = tree["transfer"].to_dataset().sel(source="clean", target=target, seed=0, rule="none", variant="plain")
    for split, ids in (("train", mnist.order("train", tiny.seed)[:500]), ("test", mnist.order("test", tiny.seed))):
        images = mnist.pixels[split][ids].astype(np.float32) / np.float32(255)
        cell = clean.sel(split=split)
        assert int(cell.n) == len(ids)
        predicted = read(tiny_root, target, images)
        assert int(cell.misread) == int((predicted != mnist.classes_of[split][ids]).sum())
        stored = tree[f"predictions/clean/seed-0/{split}/none"][f"plain-by-{target}"].values
        assert len(stored) == len(mnist.order(split, tiny.seed))
        np.testing.assert_array_equal(stored[: len(ids)], predicted)  # in the split's order
        assert (stored[len(ids) :] == -1).all()
    curve = tree[f"training/{target}/seed-0"]
    assert float(curve["error"][-1]) == pytest.approx(float(clean.sel(split="train").rate))


def test_noise_is_gaussian_and_the_clipped_kind_keeps_the_box(tree: xr.DataTree, mnist: Dataset) -> None:
    plain, clipped = (tree[f"references/train/{name}"].to_dataset() for name in ("noise-1", "noise-1-clipped"))
    images = mnist.pixels["train"][plain.example.values][:, None].astype(np.float32) / np.float32(255)
    noise = plain.perturbation.values
    assert noise.std() == pytest.approx(1, rel=0.02)
    assert abs(noise.mean()) < 0.02
    inside = images + clipped.perturbation.values
    assert (inside.min(), inside.max()) == (0, 1)
    np.testing.assert_allclose(inside, (images + noise).clip(0, 1), atol=1e-6)
    small = tree["references/train/noise-0.1"]["perturbation"].values
    np.testing.assert_allclose(small, 0.1 * noise, rtol=1e-5)


def test_shards_are_cut_elsewhere_and_the_set_is_the_same(tiny: Study, tmp_path: Path, tree: xr.DataTree) -> None:
    run_study(changed(tiny, sets={"shard": 50}), tmp_path / "root")
    other = xr.open_datatree(tmp_path / "root/study.zarr", engine="zarr", chunks=None)
    for path in ("sets/fc20-10/seed-0/train/random", "sets/fc10/seed-0/train/nearest", "references/train/noise-0.1"):
        for name, values in tree[path].to_dataset().data_vars.items():
            if name in ("example", "label", "target", "success", "clean_predicted") or path.startswith("references"):
                np.testing.assert_array_equal(values, other[path][name], err_msg=str(name))
    for rule in ("nearest", "random"):
        one, two = (each[f"sets/fc10/seed-0/train/{rule}"]["distortion"] for each in (tree, other))
        np.testing.assert_allclose(one, two, rtol=2e-3)


def test_other_rules_and_another_method(tiny: Study, tmp_path: Path, tree: xr.DataTree) -> None:
    study = changed(tiny, sets={"rules": ["second", "class-3"], "method": "lbfgs"})
    run_study(study, tmp_path / "root")
    other = xr.open_datatree(tmp_path / "root/study.zarr", engine="zarr", chunks=None)
    for model in MODELS:
        nearest = tree[f"sets/{model}/seed-0/train/nearest"].to_dataset()
        second, third = (other[f"sets/{model}/seed-0/train/{rule}"].to_dataset() for rule in ("second", "class-3"))
        assert second.attrs["method"] == third.attrs["method"] == "lbfgs"
        assert nearest.attrs["method"] == "auto"
        right = (nearest.clean_predicted == nearest.label).values
        assert second.success.values[right].mean() > 0.95
        moved = right & second.success.values
        assert second.distortion.values[moved].mean() > nearest.distortion.values[moved].mean()
        assert (third.target == 3).all()
        own = (third.label == 3).values
        assert 2 <= own.sum() <= 8
        assert not third.success.values[own].any()
        assert not third.perturbation.values[own].any()
        assert (third.predicted.values[third.success.values] == 3).all()
        assert third.success.values[~own].mean() > 0.9


def test_everything_says_what_it_is(tree: xr.DataTree, tiny_root: Path, mnist: Dataset) -> None:
    group = zarr.open_group(str(tiny_root / "study.zarr"), mode="r")
    for path, array in group.members(max_depth=None):
        if isinstance(array, zarr.Array) and path.startswith(("sets/", "references/", "training/", "predictions/")):
            assert array.attrs["units"], path
            assert array.attrs["long_name"], path
    for path in ("sets/fc10/seed-0/train/nearest", "references/train/noise-0.1", "training/fc10/seed-0", "transfer"):
        assert tree[path].attrs["dataset_sha256"] == mnist.sha256
    with safe_open(tiny_root / "models/fc10/seed-0.safetensors", framework="np") as file:
        assert file.metadata()["paper"] == "FC10(1e-2)"
        assert json.loads(file.metadata()["training"])["iterations"] == 60
    receipt = read_receipt(Place.at(tiny_root), layout.receipt("sets/fc10/seed-0/train/nearest", 1))
    assert receipt is not None
    assert {"torch", "numpy", "zarr", "python", "blindspots"} <= set(receipt.versions)
    assert receipt.host
    assert receipt.seconds > 0
    assert "perturbation" in receipt.arrays
