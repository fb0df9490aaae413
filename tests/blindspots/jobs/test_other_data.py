"""Another data set than MNIST, handed over in a folder."""

import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from blindspots.datasets.archive import ARCHIVES, FASHION_MNIST
from blindspots.errors import InputError
from blindspots.jobs.run import run_study
from blindspots.results import Results
from blindspots.study.study import Study
from blindspots.tables import draw_table
from tests.blindspots.jobs.conftest import changed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files in the form of Fashion-MNIST's: 600 and 100 images of ten classes, one a bright row of its own."""
    draw = np.random.default_rng(1)
    hashes = {}
    for split, count in (("train", 600), ("t10k", 100)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = draw.integers(0, 60, (count, 28, 28), dtype=np.uint8)
        images[np.arange(count), 2 * labels] = 250
        for name, values in ((f"{split}-images-idx3-ubyte", images), (f"{split}-labels-idx1-ubyte", labels)):
            content = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()
            (tmp_path / name).write_bytes(content)
            hashes[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(ARCHIVES, "fashion-mnist", replace(FASHION_MNIST, files=hashes))
    return tmp_path


def test_a_study_of_another_data_set(tiny: Study, folder: Path, tmp_path: Path) -> None:
    study = changed(tiny, dataset="fashion-mnist")
    root = tmp_path / "root"
    assert run_study(study, root, data=folder).jobs == 34
    tree = xr.open_datatree(root / "study.zarr", engine="zarr", chunks=None)
    clean = tree["transfer"].to_dataset().sel(source="clean", split="test", rule="none", variant="plain")
    assert (clean.n == 100).all()
    assert tree["sets/fc10/seed-0/train/random"].attrs["dataset"] == "fashion-mnist"
    table = draw_table("2", Results(root, data=folder))
    assert (table.rate.sel(source="fc10", target="fc10") == 1).all()
    assert (table.overlap == -1).all()

    with pytest.raises(InputError, match=r"holds fashion-mnist .* is on mnist .*; name another root"):
        run_study(tiny, root)
    assert run_study(study, root, data=folder).jobs == 0


def test_a_folder_in_the_environment_is_the_workspaces(
    tiny: Study, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that actors elsewhere read the same folder."""

    monkeypatch.setenv("BLINDSPOTS_DATA", str(folder))
    from blindspots.jobs.opening import open_root

    workspace = open_root(changed(tiny, dataset="fashion-mnist"), tmp_path / "root").workspace
    assert workspace.data == folder
    assert len(workspace.dataset.ids("train")) == 600
