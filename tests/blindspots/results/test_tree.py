import shutil
from pathlib import Path

import dask.array
import numpy as np
import pytest
import xarray as xr

from blindspots.errors import InputError
from blindspots.jobs.job import Progress
from blindspots.jobs.run import run_study
from blindspots.results.results import Results
from blindspots.results.tree import open_study
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.places.local import LocalPlace
from blindspots.store.sealing import unseal
from blindspots.study.study import Study
from blindspots.tables.drawing import read_table
from tests.blindspots.jobs.conftest import changed
from tests.stores import decoded


def test_the_whole_store_is_one_lazy_tree(tiny_root: Path) -> None:
    with open_study(tiny_root) as tree:
        perturbation = tree["sets/fc10/seed-0/train/nearest"]["perturbation"]
        assert isinstance(perturbation.data, dask.array.Array)
        stored = decoded(tiny_root)
        np.testing.assert_array_equal(perturbation, stored["sets/fc10/seed-0/train/nearest/perturbation"])
        assert {"sets", "references", "transfer", "predictions", "training", "negatives"} < set(tree.children)
        assert {"spectral", "certified", "tables"} < set(tree.children)
        assert len(tree.children) == 9
        assert tree["tables/table1"]["paper_name"].values[0] == "FC10(1e-2)"
        for path, values in stored.items():
            if ":" not in path:
                np.testing.assert_array_equal(tree[path].values, values, err_msg=path)


def test_eagerly_nothing_is_dasks(tiny_root: Path) -> None:
    with open_study(tiny_root, lazy=False) as tree:
        for node in tree.subtree:
            assert not any(isinstance(array.variable._data, dask.array.Array) for array in node.data_vars.values())


def test_a_store_under_work_can_be_read(root: Path) -> None:
    unseal(Place.at(root))
    with open_study(root) as tree:
        assert int(tree["transfer"].n.max()) > 0


def test_damaged_metadata_are_said_with_what_to_do(root: Path) -> None:
    (root / "study.zarr/zarr.json").write_bytes(b'{"zarr_format": 3')
    with pytest.raises(
        InputError, match=r"^the metadata of the store in .* are damaged \(.*\); blindspots verify --rep"
    ):
        open_study(root)


def test_an_array_whose_metadata_are_lost_is_missed(root: Path) -> None:
    unseal(Place.at(root))
    shutil.rmtree(root / "study.zarr/negatives")
    (root / "study.zarr/tables/table1/paper_name/zarr.json").unlink()
    (root / "study.zarr/transfer/n/zarr.json").unlink()
    results = Results(root)
    assert results.find("negatives") is None
    with pytest.raises(
        InputError, match=r"^the metadata of transfer/n in the store are damaged; blindspots verify --repair"
    ):
        results.group("transfer")
    assert results.table("table1") is None  # and is drawn anew


@pytest.mark.parametrize("name", ["perturbation", "distortion"])
def test_files_that_lack_are_not_taken_for_zeros(root: Path, name: str) -> None:
    group = "sets/fc10/seed-0/train/nearest"
    place = Place.at(root)
    file = layout.chunk(group, name, (1, 0, 0, 0) if name == "perturbation" else (1,))
    place.delete(file)  # the folders above stay
    (root / file).with_name("1.0123.partial").touch()
    said = rf"^files of {group}/{name} in the store are missing; blindspots verify --repair.*unless one is at work"
    with pytest.raises(InputError, match=said):
        Results(root).column(group, name)
    with pytest.raises(InputError, match=said):
        Results(root).group(group)
    assert Results(root).column(group, "label") is not None
    assert Results(root).find("references/train/noise-1") is not None


def test_a_set_that_is_not_finished_is_not_drawn(root: Path, tiny: Study) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(changed(tiny, sets={"examples": 70}), root, on_progress=stop)
    with Results(root) as results, pytest.raises(InputError, match="in the store are missing"):
        read_table("2", results)


def test_a_column_is_looked_at_once(tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group, asked = "sets/fc10/seed-0/train/nearest", list[str]()
    with Results(tiny_root) as results:
        results.column(group, "perturbation")
        monkeypatch.setattr(LocalPlace, "has", lambda _, key: asked.append(key))
        results.column(group, "perturbation")
    assert not asked


def test_plain_xarray_opens_it_without_a_warning(tiny_root: Path) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xr.open_datatree(tiny_root / "study.zarr", engine="zarr") as tree:
            assert tree["transfer"].rate.dims == ("source", "target", "seed", "split", "rule", "variant")


def test_where_there_is_no_study_one_is_told_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no study in .*; make one with: blindspots run --root"):
        open_study(tmp_path)
