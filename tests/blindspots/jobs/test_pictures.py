"""A whole study of pictures: trained and attacked in folders' images, refused where they are damaged."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from blindspots.errors import InputError
from blindspots.jobs import open_root, run_study
from blindspots.networks import EfficientNetLite0
from blindspots.results import Results
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from tests.small_pictures import CLASSES, folder_of_pictures


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSPOTS_CACHE", str(tmp_path_factory.mktemp("cache")))


def of(folder: Path, **sets: Any) -> Study:
    """Return a study of the pictures in ``folder``, which are made."""
    folder_of_pictures(folder / "train", each=5)
    folder_of_pictures(folder / "test", each=3)
    return validate_study(
        {
            "name": "pictures",
            "dataset": str(folder),
            "pictures": {"size": 6},
            "models": [{"name": "softmax", "decay": [1e-2]}],
            "training": {"iterations": 30},
            "sets": {"splits": ["test"], "rules": ["class-ostrich"], "noise": [], "shard": 5, **sets},
            "negatives": {"images": 0},
        }
    )


def test_a_study_of_pictures_from_files_to_a_set(tmp_path: Path) -> None:
    study = of(tmp_path / "four")
    assert "sets/softmax/seed-0/test/class-1" in run_study(study, tmp_path / "root").shards
    assert not run_study(study, tmp_path / "root").shards
    with Results(tmp_path / "root") as results:
        found = results.group("sets/softmax/seed-0/test/class-1")
        assert found.perturbation.shape == (12, 3, 6, 6)
        assert found.success.values.any()
        assert (found.predicted.values[found.success.values] == 1).all()
        assert results.study.sets.rules == ("class-1",)
        assert results.dataset.class_names[1] == "ostrich"


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ({"rules": ["class-crane"]}, "2 classes of four are called 'crane': say the number, 2, 3"),
        ({"rules": ["class-emu"]}, "no class of four is called 'emu'"),
        ({"rules": ["class-ostrich", "class-1"]}, "class-ostrich and class-1 are one rule"),
        ({"rules": ["class-7"]}, "four has 4 classes, class-0 to class-3"),
        ({"examples": 13}, "13 images are asked for, but the split test of four has 12"),
    ],
)
def test_what_does_not_fit_the_pictures_is_refused(tmp_path: Path, sets: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_root(of(tmp_path / "four", **sets), tmp_path / "root")
    assert not (tmp_path / "root" / "study.zarr").exists()


def test_damage_is_refused_before_any_work_or_left_out(tmp_path: Path) -> None:
    study = of(tmp_path / "four")
    (tmp_path / "four" / "test" / CLASSES[0] / "1.png").write_bytes(b"gone")
    with pytest.raises(InputError, match=r"^test/n01440764_tench/1\.png: is no picture; .*--skip-damaged"):
        open_root(study, tmp_path / "root")
    content = study.model_dump(mode="json")
    skipped = validate_study({**content, "pictures": {**content["pictures"], "skip_damaged": True}})
    assert open_root(skipped, tmp_path / "root").workspace.examples("test").size == 11


def test_a_network_of_pictures_is_given_with_its_weights(tmp_path: Path) -> None:
    folder_of_pictures(tmp_path / "four", each=2, size=(40, 36))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = {
            name: tensor
            for name, tensor in EfficientNetLite0(4).state_dict().items()
            if not name.endswith("num_batches_tracked")  # as the published files
        }
    save_file(weights, tmp_path / "lite.safetensors")
    given = {"weights": str(tmp_path / "lite.safetensors"), "network": "efficientnet-lite0"}
    content = {
        "name": "given",
        "dataset": str(tmp_path / "four"),
        "pictures": {"size": 32},
        "models": [{"name": "lite", "given": given}],
        "sets": {"splits": ["test"], "rules": ["nearest"], "noise": [], "examples": 2, "method": "projection"},
        "negatives": {"images": 0},
    }
    done = run_study(validate_study(content), tmp_path / "root").shards
    assert {"models/lite/seed-0", "sets/lite/seed-0/test/nearest", "spectral/lite/seed-0"} <= set(done)
    with Results(tmp_path / "root") as results:
        assert results.dataset.shape == (3, 32, 32)
        assert results.group("sets/lite/seed-0/test/nearest").attrs["dataset"] == "four"
        assert len(results.group("spectral/lite/seed-0").layer) == 137
    del weights["_blocks.3._bn1.bias"]
    save_file(weights, tmp_path / "lite.safetensors")
    with pytest.raises(InputError, match=r"does not fit the network .*: the file lacks _blocks\.3\._bn1\.bias"):
        open_root(validate_study(content), tmp_path / "other")
    with pytest.raises(InputError, match=r"lite does not fit the data set: input_shape = \(3, 16, 16\).* of 32 x 32"):
        open_root(validate_study({**content, "pictures": {"size": 16}}), tmp_path / "other")
