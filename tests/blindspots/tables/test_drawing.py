"""Tables by name: drawn, refused, and read back as they were drawn."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from blindspots.errors import InputError
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.study.file import validate_study
from blindspots.study.study import Study
from blindspots.tables import FORMATS, TABLES, Table, draw_table, read_table, render
from blindspots.tables.drawing import in_order
from blindspots.tables.sheets.records import COLUMNS
from blindspots.tables.table5.table import table5
from tests import detector_rows, unit_rows
from tests.blindspots.tables import conftest, test_bounds, test_negatives, test_penalty
from tests.blindspots.tables.repetition.test_table import trained
from tests.held import Held


class Stored(Held):
    """Results that read tables from a store, and draw them from arrays in memory."""

    def __init__(self, tree: xr.DataTree, study: Study, root: Path) -> None:
        super().__init__(tree, study, root)

    def table(self, name: str) -> xr.Dataset | None:
        return Results.table(self, name)


def by_hand(name: str, root: Path) -> Stored:
    """Results from which the table ``name`` can be drawn."""
    others = {"negatives": test_negatives, "bounds": test_bounds, "penalty": test_penalty}
    if name in others:
        return Stored(others[name].store(), validate_study(others[name].CONTENT), root)
    if name == "repetition":
        of_many = trained(0)
        return Stored(of_many.tree, of_many.study, root)
    if name == "units":
        study = unit_rows.study_of_units()
        return Stored(unit_rows.held(study).tree, study, root)
    if name == "detectors":
        found = detector_rows.held(root)
        return Stored(found.tree, found.study, root)
    return Stored(conftest.stored(1), conftest.changed(), root)


def write(table: xr.Dataset, name: str, root: Path) -> None:
    """Write a table into the store in ``root`` as its job does, with a receipt."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        path = root / layout.ZARR
        table.to_zarr(path, group=layout.table(name), mode="w", zarr_format=3, consolidated=False)
    Place.at(root).write(layout.receipt(layout.table(name), 0), b"{}")


@pytest.mark.parametrize(
    "name", [name for name in TABLES if name not in ("pools", "reasons")]
)  # that is in its stage's test
def test_a_table_that_is_read_back_is_the_one_that_was_drawn(name: str, tmp_path: Path) -> None:
    results = by_hand(name, tmp_path)
    drawn = draw_table(name, results)
    write(drawn, name, tmp_path)
    stored = results.table(name)
    assert stored is not None
    for form in FORMATS:
        assert render(in_order(stored), form) == render(drawn, form), form
    xr.testing.assert_identical(in_order(stored), drawn)


def test_table_5_with_numbers_of_ours_is_read_back_too(tmp_path: Path) -> None:
    layers = xr.Dataset(
        {name: ("row", np.array([name], np.dtypes.StringDType())) for name in ("layer", "size", "stride")}
        | {name: ("row", [1.5 if "per_pixel" not in name else np.nan]) for name in _NUMBERS},
        {"row": np.array(["Conv 1"], np.dtypes.StringDType())},
        {"network": "alexnet", "input_shape": "3x224x224", "product": 7.5, "product_per_pixel": np.inf, "missing": []},
    )
    drawn = table5(layers)
    write(drawn.assign_attrs({COLUMNS: list(map(str, drawn.data_vars))}), "5", tmp_path)
    stored = by_hand("5", tmp_path).table("5")
    assert stored is not None
    for form in FORMATS:
        assert render(in_order(stored), form) == render(drawn, form), form


_NUMBERS = ("lower", "upper", "lower_per_pixel", "upper_per_pixel", "printed", "corrected", "reshaped")


def test_what_the_run_drew_is_read_and_not_drawn_again(tmp_path: Path) -> None:
    results = by_hand("1", tmp_path)
    drawn = draw_table("1", results)
    write(drawn.assign(success=2 * drawn["success"]), "1", tmp_path)
    xr.testing.assert_identical(read_table("1", results)["success"], 2 * drawn["success"])
    del results.tree  # nothing else is opened for it
    assert read_table(1, results).attrs["table"] == 1


@pytest.mark.parametrize("harm", ["no receipt", "damage", "nothing"])
def test_a_table_that_is_not_whole_is_drawn(harm: str, tmp_path: Path) -> None:
    results = by_hand("1", tmp_path)
    drawn = draw_table("1", results)
    if harm != "nothing":
        write(drawn.assign(success=2 * drawn["success"]), "1", tmp_path)
    if harm == "no receipt":
        results.place.delete(layout.receipt(layout.table("1"), 0))
    if harm == "damage":
        results.place.write(f"{layout.ZARR}/{layout.table('1')}/success/c/0/0", b"damaged")
    xr.testing.assert_identical(read_table("1", results), drawn)


def test_a_table_of_a_version_that_kept_no_order_has_its_variables_by_name() -> None:
    table = draw_table("1", by_hand("1", Path()))
    del table.attrs[COLUMNS]
    assert list(in_order(table).data_vars) == sorted(map(str, table.data_vars))


def test_table_5_is_drawn_for_a_study_without_weights_whatever_lies_in_the_store(tmp_path: Path) -> None:
    results = by_hand("5", tmp_path)
    drawn = draw_table("5", results)
    write(drawn.assign_attrs(title="of another study"), "5", tmp_path)
    xr.testing.assert_identical(read_table("5", results), drawn)


@pytest.mark.parametrize("get", [draw_table, read_table])
def test_what_there_is_not_is_refused(get: Callable[..., xr.Dataset], tree: xr.DataTree, study: Study) -> None:
    on_all = study.model_copy(update={"models": study.models[:3]})
    on_halves = study.model_copy(update={"models": study.models[3:]})
    for number in (3, 4):
        with pytest.raises(InputError, match=f"table {number} is not in the study by-hand, which has .*a half"):
            get(number, Held(tree, on_all))
    for number in (1, 2):
        with pytest.raises(InputError, match=f"table {number} is not in the study by-hand, which has .*all training"):
            get(number, Held(tree, on_halves))
    with pytest.raises(InputError, match=r"which has no negatives: ask for some with --set negatives\.images=500"):
        get("negatives", Held(tree, conftest.changed(negatives={"images": 0})))
    with pytest.raises(
        InputError,
        match="there is no table 6; there are 1, 2, 3, 4, repetition, claims, negatives, bounds, units, detectors, 5, "
        "penalty, pools and reasons",
    ):
        get(6, Held(tree, study))


@pytest.fixture
def widths() -> Iterator[Table]:
    """A table that is added from outside."""

    def draw(results: Results) -> xr.Dataset:
        names = [spec.name for spec in results.study.models]
        widths = [sum(spec.hidden) for spec in results.study.models]
        return xr.Dataset(
            {"width": ("model", widths, {"long_name": "hidden units"}), "half": ("model", np.array(widths) / 2)},
            {"model": np.array(names, np.dtypes.StringDType())},
            {"table": "widths", "title": "how wide the models are"},
        )

    yield TABLES.add(Table("widths", "how wide the models are", draw))
    TABLES.remove("widths")


def test_a_table_from_outside_is_drawn_read_back_and_laid_out(widths: Table, tmp_path: Path) -> None:
    results = by_hand("1", tmp_path)
    drawn = draw_table("widths", results)
    write(drawn, "widths", tmp_path)
    read = read_table("widths", results)
    for form in FORMATS:
        assert render(read, form) == render(drawn, form)
    text = render(read, "text")
    assert text.startswith("Table widths: how wide the models are\n")
    assert "fc100-100-10     200    100" in text
    assert text.endswith("width: hidden units.")
    assert render(read, "csv").splitlines()[:2] == ["model,width,half", "fc10-1e-4,0,0.0"]


def test_drawing_reads_each_array_once_and_no_perturbation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / layout.ZARR
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        conftest.stored(1).to_zarr(path, zarr_format=3, consolidated=False)
    read: list[str] = []
    whole = zarr.Array.__getitem__

    def counted(array: zarr.Array, selection: object) -> object:
        read.append(array.path)
        return whole(array, selection)

    with xr.open_datatree(path, engine="zarr", chunks=None, consolidated=False) as tree:
        monkeypatch.setattr(zarr.Array, "__getitem__", counted)
        results = Held(tree, conftest.changed())
        for name in ("1", "2", "3", "4"):
            draw_table(name, results)
    assert "transfer/misread" in read
    assert "sets/fc10-1e-4/seed-0/train/nearest/distortion" in read
    assert not [path for path in read if "perturbation" in path]
    assert len(read) == len(set(read))
