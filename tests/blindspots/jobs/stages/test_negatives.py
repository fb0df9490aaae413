"""The stored counts of negatives, what they depend on, and what is counted again."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.numpy import load_file

from blindspots.datasets.dataset import Dataset
from blindspots.jobs.expansion import expand
from blindspots.jobs.opening import open_root
from blindspots.jobs.run import run_study
from blindspots.jobs.stages import negatives as module
from blindspots.jobs.stages.negatives import Negatives
from blindspots.jobs.verification import repair, verify
from blindspots.negatives.counts import adversarial_negatives
from blindspots.randomness import generator
from blindspots.study.study import Study
from tests.blindspots.jobs.conftest import changed
from tests.fixed import fixed_images, fixed_network, labels_read
from tests.stores import assert_same_content, decoded

pytestmark = pytest.mark.xdist_group("negatives")  # one study, made once

MODELS = ("fc10", "fc20-10")
KEYS = [f"negatives/{model}/seed-0" for model in MODELS]
SPEC = {"images": 45, "directions": 30, "multiples": [1, 6, 12]}

GOLDEN = {
    (): [
        [[1400, 1400, 1400], [1400, 1400, 1383]],
        [[0, 187, 661], [0, 103, 350]],
        [[0, 0, 0], [0, 0, 17]],
    ],
    (12, 11): [
        [[1400, 1400, 1400], [1400, 1400, 1400]],
        [[0, 2, 102], [0, 1, 77]],
        [[0, 0, 0], [0, 0, 0]],
    ],
}
"""Of hidden units: directions shown, misread and out of reach, at each multiple on the sphere and in the box."""


def counted(shards: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shards of negatives alone: which tables are drawn anew is others' matter."""
    return {key: done for key, done in shards.items() if not key.startswith("tables/")}


@pytest.fixture(scope="module")
def study(request: pytest.FixtureRequest) -> Study:
    from blindspots.study.file import validate_study
    from tests.conftest import TINY

    return validate_study({**TINY, "negatives": SPEC})


@pytest.fixture(scope="module")
def finished(study: Study, tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with 45 images in three shards; to be read only."""
    root = tmp_path_factory.mktemp("negatives") / "root"
    shutil.copytree(tiny_root, root)
    assert counted(run_study(study, root).shards) == dict.fromkeys(KEYS, (0, 1, 2))
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture(scope="module")
def tree(finished: Path) -> xr.DataTree:
    return xr.open_datatree(finished / "study.zarr", engine="zarr", chunks=None)


def read(root: Path, model: str, images: np.ndarray) -> np.ndarray:
    """The network, written anew."""
    weights = load_file(root / "models" / model / "seed-0.safetensors")
    names = sorted(name.removesuffix(".weight") for name in weights if name.endswith(".weight"))
    hidden = images.reshape(len(images), -1)
    for index, name in enumerate(names):
        hidden = (1 / (1 + np.exp(-hidden)) if index else hidden) @ weights[f"{name}.weight"].T.astype(np.float64)
        hidden = hidden + weights[f"{name}.bias"]
    return hidden.argmax(1)


@pytest.mark.parametrize("model", MODELS)
def test_the_counts_are_what_a_reader_would_count(
    tree: xr.DataTree, finished: Path, mnist: Dataset, study: Study, model: str
) -> None:
    found = tree[f"negatives/{model}/seed-0"].to_dataset()
    nearest = tree[f"sets/{model}/seed-0/train/nearest"].to_dataset().isel(example=slice(45))
    np.testing.assert_array_equal(found.example, nearest.example)
    np.testing.assert_array_equal(found.least, nearest.distortion)
    np.testing.assert_array_equal(found.counted, nearest.clean_predicted == nearest.label)
    assert 30 < int(found.counted.sum()) <= 45
    assert found.shown.dims == found.misread.dims == ("example", "where", "multiple")
    assert found["where"].values.tolist() == ["sphere", "box"]
    assert found["multiple"].values.tolist() == [1, 6, 12]
    differ = total = 0
    for row in np.flatnonzero(found.counted)[:25]:
        each = found.isel(example=row)
        example = int(each.example)
        image = mnist.pixels["train"][example].reshape(-1) / 255.0
        drawn = generator(study.seed, "direction", "train", index=example).standard_normal((30, 784), np.float32)
        directions = drawn / np.sqrt((drawn.astype(np.float64) ** 2).mean(1, keepdims=True))
        for multiple in (1, 6, 12):
            size = multiple * float(each.least)
            low, high = np.zeros((30, 1)), np.full((30, 1), 1e6)
            for _ in range(90):  # by bisection
                scale = (low + high) / 2
                change = (image + scale * directions).clip(0, 1) - image
                far = np.sqrt((change**2).mean(1, keepdims=True)) > size
                low, high = np.where(far, low, scale), np.where(far, scale, high)
            held = np.sqrt((np.where(directions > 0, 1 - image, image) ** 2).mean(1)) >= size
            shown = {"sphere": image + size * directions, "box": (image + low * directions).clip(0, 1)}
            for where, images in shown.items():
                cell = each.sel(where=where, multiple=multiple)
                kept = held if where == "box" else np.ones(30, bool)
                wrong = read(finished, model, images) != int(nearest.label[row])
                assert int(cell.shown) == kept.sum()
                assert int(cell.out_of_reach) == 30 - kept.sum()
                differ += abs(int(cell.misread) - int((wrong & kept).sum()))
                total += int(cell.misread)
    assert total > 200
    assert differ <= 2  # one may lie on a boundary
    np.testing.assert_array_equal((found.shown + found.out_of_reach).values.max((1, 2)), 30 * found.counted.values)


def test_everything_says_what_it_is(tree: xr.DataTree, mnist: Dataset) -> None:
    for key, model in zip(KEYS, MODELS, strict=True):
        found = tree[key].to_dataset()
        for name, array in found.variables.items():
            assert array.attrs["long_name"], name
            assert array.attrs["units"] == ("pixel value" if name == "least" else "1"), name
        about = {name: found.attrs[name] for name in ("model", "seed", "split", "rule", "directions", "values")}
        assert about == {
            "model": model,
            "seed": 0,
            "split": "train",
            "rule": "nearest",
            "directions": 30,
            "values": 784,
        }
        assert found.attrs["dataset_sha256"] == mnist.sha256


def test_the_second_run_does_nothing_and_the_store_is_intact(study: Study, root: Path) -> None:
    assert run_study(study, root).shards == {}
    found = verify(open_root(study, root).workspace)
    assert (found.missing, found.damaged) == (0, ())


def test_shards_cut_elsewhere_hold_the_same_counts(study: Study, tree: xr.DataTree, tmp_path: Path) -> None:
    """Of the linear model: its sets are the same to 1 in 1000 however they are cut, and the directions exactly."""
    run_study(changed(study, models=study.model_dump(mode="json")["models"][:1], sets={"shard": 50}), tmp_path / "root")
    other = xr.open_datatree(tmp_path / "root/study.zarr", engine="zarr", chunks=None)[KEYS[0]].to_dataset()
    ours = tree[KEYS[0]].to_dataset()
    np.testing.assert_array_equal(ours.example, other.example)
    np.testing.assert_array_equal(ours.counted, other.counted)
    np.testing.assert_allclose(ours.least, other.least, rtol=2e-3)
    assert int(abs(ours.misread - other.misread).sum()) <= 0.01 * int(ours.misread.sum())


@pytest.mark.parametrize(("images", "shards"), [(60, (2,)), (25, (1,))], ids=lambda value: str(value))
def test_more_or_fewer_images_keep_whole_shards(
    study: Study, root: Path, tmp_path: Path, images: int, shards: tuple[int, ...]
) -> None:
    """Of a set of fifty there are fifty at most."""
    other = changed(study, negatives={"images": images})
    ran = counted(run_study(other, root).shards)
    assert ran == (dict.fromkeys(KEYS, shards) if shards else {})
    arrays = decoded(root)
    for key in KEYS:
        assert len(arrays[f"{key}/misread"]) == min(images, 50)
        assert (arrays[f"{key}/shown"][:, 0].max((1,)) == 30 * arrays[f"{key}/counted"]).all()
    assert counted(run_study(other, root).shards) == {}


@pytest.mark.parametrize("change", [{"directions": 31}, {"multiples": [1, 12, 6]}])
def test_other_directions_or_multiples_are_counted_anew(study: Study, root: Path, change: dict) -> None:
    other = changed(study, negatives=change)
    assert counted(run_study(other, root).shards) == dict.fromkeys(KEYS, (0, 1, 2))
    assert counted(run_study(other, root).shards) == {}
    arrays = decoded(root)
    assert arrays[f"{KEYS[0]}/multiple"].tolist() == change.get("multiples", SPEC["multiples"])


def test_the_first_directions_of_many_are_those_of_few(study: Study, root: Path, tree: xr.DataTree) -> None:
    run_study(changed(study, negatives={"directions": 60}), root)
    found = xr.open_datatree(root / "study.zarr", engine="zarr", chunks=None)
    for key in KEYS:
        more, fewer = found[key].misread, tree[key].misread
        assert ((more >= fewer) & (more <= fewer + 30)).all()
        assert (more > fewer).any()


def identities(study: Study, root: Path, model: str = "fc10") -> str | None:
    return Negatives(split="train", model=model, seed=0).identity(open_root(study, root).workspace, 0)


def test_what_a_shard_depends_on(study: Study, root: Path, tmp_path: Path) -> None:
    here = identities(study, root)
    assert here is not None
    assert identities(study, tmp_path / "new") is None
    for same in ({"negatives": {"images": 20}}, {"sets": {"noise": [0.2]}}, {"sets": {"rules": ["nearest"]}}):
        assert identities(changed(study, **same), root) == here, same
    for other in (
        {"negatives": {"directions": 31}},
        {"negatives": {"multiples": [1.0, 6.0, 12.5]}},
        {"negatives": {"images": 10}},  # a shorter shard
        {"sets": {"method": "lbfgs"}},
        {"seed": 1},
    ):
        # the method shows in the set that was made, so in its receipt
        if "sets" in other:
            run_study(changed(study, **other), root)
        assert identities(changed(study, **other), root) != here, other
    assert identities(study, root, "fc20-10") != here


@pytest.mark.parametrize(
    ("file", "shards", "damage"),
    [
        ("misread/c/1/0/0", (1,), "flip"),
        ("where/c/0", (0, 1, 2), "lose"),
    ],
)
def test_damage_is_mended(
    study: Study, root: Path, finished: Path, file: str, shards: tuple[int, ...], damage: str
) -> None:
    path = root / "study.zarr" / KEYS[1] / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.unlink() if damage == "lose" else path.write_bytes(content)
    if damage == "flip":  # of the same size: whoever reads it meets it, and verify
        workspace = open_root(study, root).workspace
        repair(workspace, verify(workspace))
    assert run_study(study, root).shards == {KEYS[1]: shards}
    assert_same_content(root, finished)


def test_a_set_made_otherwise_is_counted_anew(study: Study, root: Path) -> None:
    ran = counted(run_study(changed(study, sets={"method": "lbfgs"}), root).shards)
    assert {key: ran[key] for key in KEYS} == dict.fromkeys(KEYS, (0, 1, 2))


def test_there_are_none_where_none_are_asked_for(study: Study) -> None:
    def jobs(study: Study) -> list[str]:
        return [job.key for job in expand(study) if job.stage == "negatives"]

    assert sorted(jobs(study)) == KEYS
    assert jobs(study)[0] == KEYS[1]  # what takes longest first
    assert len(jobs(changed(study, seeds=3))) == 6
    assert jobs(changed(study, negatives={"images": 0})) == []
    assert jobs(changed(study, sets={"rules": ["random"]})) == []
    half = changed(study, models=[{"name": "fc10-p1", "decay": [1], "split": "p1"}])
    (job,) = (job for job in expand(half) if job.stage == "negatives")
    assert job.inputs == ("models/fc10-p1/seed-0", "sets/fc10-p1/seed-0/test/nearest")


@pytest.mark.numerics
@pytest.mark.parametrize("hidden", GOLDEN)
def test_golden_numbers(hidden: tuple[int, ...]) -> None:
    """Where one of these moves, ALGORITHM is to be raised, and these numbers with it."""
    images, _ = fixed_images(40)
    model = fixed_network(*hidden)
    labels = labels_read(model, images)
    margins = model(images).sort(dim=1).values.diff(dim=1)[:, -1]
    least = torch.where(torch.arange(40) % 8 == 0, 0, margins / 50)
    found = adversarial_negatives(
        model,
        images,
        labels,
        least=least,
        multiples=(1, 3, 8),
        directions=40,
        seed=0,
        examples=range(40),
        split="train",
    )
    assert module.ALGORITHM == 1  # float32 counts the same: none lies on a boundary
    counts = [each.sum(0).tolist() for each in (found.shown, found.misread, found.out_of_reach)]
    assert counts == GOLDEN[hidden]
