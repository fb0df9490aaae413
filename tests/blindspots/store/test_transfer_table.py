import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from blindspots.identity import array_hash
from blindspots.store import layout
from blindspots.store.arrays import CorruptShardError, group_attributes
from blindspots.store.place import Place
from blindspots.store.receipts import write_receipt
from blindspots.store.transfer_table import VARIABLES, TransferTable
from tests.faults import KilledError, killed_before


def coordinates(**changes: Any) -> dict[str, list[Any]]:
    return {
        "source": ["a", "b", "clean"],
        "target": ["a", "b"],
        "seed": [0],
        "split": ["train", "test"],
        "rule": ["none", "nearest"],
        "variant": ["plain"],
        **changes,
    }


def cells(value: int) -> dict[str, np.ndarray]:
    return {name: np.full((2, 2, 1), value, variable.dtype) for name, variable in VARIABLES.items()}


def pair(source: str, target: str) -> dict[str, Any]:
    return {"source": source, "target": target, "seed": 0}


def hierarchy(table: TransferTable) -> Path:
    return Path(table.place.path(layout.ZARR))


def receipt(source: str, target: str) -> str:
    return layout.receipt(layout.pair_job(source, target, 0), 0)


def leave_receipt(table: TransferTable, source: str, target: str) -> None:
    hashes = {name: array_hash(values) for name, values in table.read(pair(source, target)).items()}
    proof: dict[str, Any] = {"identity": "i", "content": "c", "sizes": {}, "seconds": 1.0, "device": "cpu"}
    write_receipt(table.place, receipt(source, target), arrays=hashes, **proof)


@pytest.fixture
def table(tmp_path: Path) -> TransferTable:
    made = TransferTable(Place.at(tmp_path), coordinates())
    made.lay_out({"title": "transfer"})
    for index, (source, target) in enumerate([("a", "a"), ("a", "b"), ("b", "a"), ("clean", "b")]):
        made.write(pair(source, target), cells(index + 1))
    return made


def test_pairs_lie_where_their_names_say(table: TransferTable) -> None:
    found = xr.open_zarr(hierarchy(table), group="transfer", consolidated=False)
    assert found["n"].dims == ("source", "target", "seed", "split", "rule", "variant")
    assert int(found["n"].sel(source="b", target="a", seed=0, split="test", rule="nearest", variant="plain")) == 3
    assert int(found["n"].sel(source="a", target="b").sum()) == 8
    assert int(found["n"].sel(source="b", target="b").sum()) == 0
    assert bool(np.isnan(found["rate"].sel(source="b", target="b")).all())
    assert table.read(pair("clean", "b"))["rate"].tolist() == np.full((2, 2, 1), 4.0).tolist()


def test_another_layout_carries_values_over_by_name(table: TransferTable) -> None:
    other = TransferTable(table.place, coordinates(source=["c", "b", "a"], target=["b", "a", "c"]))
    assert other.lay_out({})
    assert other.read(pair("b", "a"))["n"].sum() == 12
    assert other.read(pair("a", "b"))["n"].sum() == 8
    assert other.read(pair("c", "a"))["n"].sum() == 0
    with pytest.raises(CorruptShardError, match="lacks the pair"):
        table.read(pair("clean", "b"))


def test_other_cells_are_all_to_do(table: TransferTable) -> None:
    """What a pair is has its cells in it, so that none of them would be taken for done."""
    leave_receipt(table, "a", "b")
    other = TransferTable(table.place, coordinates(rule=["nearest", "none", "random"]))
    other.lay_out({})
    assert other.read(pair("a", "b"))["n"].sum() == 0
    assert not table.place.has(receipt("a", "b"))
    with pytest.raises(CorruptShardError, match="other cells"):
        table.read(pair("a", "a"))


def test_a_pair_is_read_by_name_from_whatever_layout(table: TransferTable) -> None:
    wanted = TransferTable(table.place, coordinates(source=["clean", "b", "c"], target=["b"]))
    assert wanted.read(pair("clean", "b"))["n"].sum() == 16
    with pytest.raises(CorruptShardError, match="lacks the pair"):
        wanted.read(pair("c", "b"))
    wanted.lay_out({})
    assert wanted.read(pair("clean", "b"))["n"].sum() == 16


def test_the_files_of_a_pair_are_those_that_it_lies_in(table: TransferTable) -> None:
    wanted = coordinates(source=["clean", "b", "a"], target=["b", "a"])
    for shown in (table, TransferTable(table.place, wanted)):
        shown.lay_out({})
        files = shown.files(pair("a", "b"))
        assert set(files) == set(VARIABLES)
        Path(shown.place.path(files["n"])).unlink()
        assert shown.read(pair("a", "b"))["n"].sum() == 0
        assert shown.read(pair("clean", "b"))["n"].sum() == 16
        shown.write(pair("a", "b"), cells(2))
    assert shown.files(pair("c", "b")) == {}


def test_a_pair_that_is_carried_over_has_its_files_even_where_all_is_fill(table: TransferTable) -> None:
    table.write(pair("a", "a"), cells(0))
    other = TransferTable(table.place, coordinates(source=["c", "b", "a"]))
    other.lay_out({})
    assert all(other.place.has(file) for file in other.files(pair("a", "a")).values())


def test_the_same_layout_is_left_alone(table: TransferTable) -> None:
    before = {path: path.stat().st_mtime_ns for path in hierarchy(table).rglob("*") if path.is_file()}
    table.lay_out({"title": "transfer"})
    assert before == {path: path.stat().st_mtime_ns for path in hierarchy(table).rglob("*") if path.is_file()}
    table.lay_out({"title": "another"})
    assert group_attributes(table.place, "transfer") == {"title": "another"}


def test_a_damaged_pair_is_seen_and_can_be_written_again(table: TransferTable) -> None:
    file = hierarchy(table) / "transfer/n/c/0/1/0/0/0/0"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(CorruptShardError, match="transfer"):
        table.read(pair("a", "b"))
    assert table.read(pair("a", "a"))["n"].sum() == 4
    table.write(pair("a", "b"), cells(9))
    assert table.read(pair("a", "b"))["n"].sum() == 36


def test_a_damaged_table_is_laid_out_anew(table: TransferTable) -> None:
    (hierarchy(table) / "transfer/source/zarr.json").write_text("{")
    with pytest.raises(CorruptShardError):
        table.read(pair("a", "b"))
    table.lay_out({})
    assert table.read(pair("a", "b"))["n"].sum() == 0


@pytest.mark.parametrize("name", ["misread", "rate", "seed"])
def test_a_table_without_one_of_its_arrays_is_laid_out_anew(table: TransferTable, name: str) -> None:
    """As a layout that was not made beside left it where it was killed: the coordinates there, the variables not."""
    leave_receipt(table, "a", "b")
    (hierarchy(table) / "transfer" / name / "zarr.json").unlink()
    assert table.lay_out({})
    assert not table.place.has(receipt("a", "b"))
    table.write(pair("a", "b"), cells(7))
    assert table.read(pair("a", "b"))[name if name in VARIABLES else "n"].sum() == 28
    assert not table.lay_out({})


def test_pairs_that_are_not_what_their_receipts_say_are_to_do_in_another_layout(table: TransferTable) -> None:
    for names in (("a", "a"), ("a", "b"), ("b", "a"), ("clean", "b")):
        leave_receipt(table, *names)
    damaged, lost, swapped = (hierarchy(table) / f"transfer/misread/c/{at}/0/0/0/0" for at in ("0/0", "0/1", "1/0"))
    swapped.write_bytes(damaged.read_bytes())
    damaged.write_bytes(damaged.read_bytes()[:-1])
    lost.unlink()
    other = TransferTable(table.place, coordinates(source=["c", "clean", "b", "a"]))
    other.lay_out({})
    assert list(table.place.files(layout.RECEIPTS)) == [receipt("clean", "b")]
    assert other.read(pair("clean", "b"))["misread"].sum() == 16


def test_a_layout_that_is_killed_anywhere_loses_no_pair_that_is_said_to_be_done(
    table: TransferTable, tmp_path: Path
) -> None:
    done = {("a", "a"): 4, ("a", "b"): 8, ("b", "a"): 12}
    for names in done:
        leave_receipt(table, *names)
    wanted = coordinates(source=["c", "b", "a"], target=["b", "a"])
    deaths = 0
    for operation in range(0, 400, 8):
        folder = tmp_path / f"copy-{operation}"
        shutil.copytree(table.place.root / layout.ZARR, folder / layout.ZARR)
        shutil.copytree(table.place.root / layout.RECEIPTS, folder / layout.RECEIPTS)
        other = TransferTable(Place.at(folder), wanted)
        try:
            with killed_before(operation):
                other.lay_out({})
            break
        except (KilledError, OSError):
            deaths += 1
        other.lay_out({})
        for names, total in done.items():
            if other.place.has(receipt(*names)):
                assert other.read(pair(*names))["misread"].sum() == total, operation
        other.write(pair("c", "a"), cells(5))
        assert other.read(pair("c", "a"))["rate"].sum() == 20
        assert not other.place.has_folder(layout.BESIDE)
    assert deaths > 6
    assert all(other.place.has(receipt(*names)) for names in done)
