import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from blindspots.store import layout
from blindspots.store.arrays import create_group, set_group_attributes
from blindspots.store.place import Place
from blindspots.store.sealing import SEAL, is_intact, is_sealed, problems, seal, unseal
from tests.blindspots.store.test_arrays import SHARD, VARIABLES, place, root, values
from tests.place_path import PlacePath

__all__ = ["place", "root"]

pytestmark = pytest.mark.parametrize("new_place", ["local", "memory"], indirect=True)


def test_plain_xarray_reads_it_without_a_warning_once_sealed(place: Place, root: PlacePath) -> None:
    seal(place)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = xr.open_datatree(place.zarr(layout.ZARR), engine="zarr")
    found = tree["sets/a"]
    assert found["image"].dims == ("example", "height", "width")
    assert found["image"].attrs["units"] == "pixel value"
    np.testing.assert_array_equal(found["image"].values, values(10)["image"])
    assert found["success"].dtype == bool
    unseal(place)
    assert "consolidated_metadata" not in json.loads((root / "zarr.json").read_text())
    unseal(place)


DAMAGE = {"gone": None, "empty": b"", "cut": b'{"zarr_format": 3', "list": b"[]", "other": b'{"node_type": "group"}'}


def damage(path: PlacePath, how: str) -> None:
    content = DAMAGE[how]
    path.unlink() if content is None else path.write_bytes(content)


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("which", ["", "sets", "sets/a", "sets/a/label"])
def test_a_store_is_sealed_whatever_happened_to_its_metadata(
    place: Place, root: PlacePath, which: str, how: str
) -> None:
    create_group(place, "sets/b", VARIABLES, dim="example", rows=4, shard=SHARD, attributes={})
    damage(root / which / "zarr.json", how)
    unseal(place)  # as every run begins
    seal(place)
    assert is_sealed(place)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xr.open_datatree(place.zarr(layout.ZARR), engine="zarr") as tree:
            assert "label" in tree["sets/b"]
            if which != "sets/a":  # what it said is lost with its metadata
                assert ("label" in tree["sets/a"]) == (which != "sets/a/label")
                assert "success" in tree["sets/a"]


@pytest.mark.parametrize("how", DAMAGE)
def test_a_store_whose_own_metadata_are_damaged_is_not_sealed(place: Place, root: PlacePath, how: str) -> None:
    seal(place)
    damage(root / "zarr.json", how)
    assert not is_sealed(place)
    seal(place)
    cut = (root / "zarr.json").read_bytes()[:-9]
    assert b"consolidated_metadata" in cut
    (root / "zarr.json").write_bytes(cut)
    assert not is_sealed(place)


def test_metadata_that_no_reader_of_json_gets_to_the_end_of_are_damaged(place: Place, root: PlacePath) -> None:
    (root / "sets/zarr.json").write_bytes(b"[" * 200_000)
    assert problems(place) == {layout.metadata("sets"): "the metadata are damaged"}
    seal(place)
    assert is_intact(place)


OWN = ("sets", "sets/a", "sets/a/label")
CHANGES = {
    "units": lambda document: document["attributes"].update(units="m"),
    "dims": lambda document: document.update(dimension_names=["exemple"]),
    "more": lambda document: document["attributes"].update(product=1.5),
}


def change(path: PlacePath, how: str) -> None:
    """Change a document so that it can still be read."""
    document = json.loads(path.read_text())
    CHANGES[how](document)
    path.write_text(json.dumps(document, indent=2))


@pytest.mark.parametrize("how", [*DAMAGE, *CHANGES])
@pytest.mark.parametrize("which", OWN)
def test_what_was_sealed_is_put_back_to_the_last_byte(place: Place, root: PlacePath, which: str, how: str) -> None:
    seal(place)
    assert problems(place) == {}
    assert is_intact(place)
    whole = {path: path.read_bytes() for path in root.rglob("zarr.json")}
    own = root / which / "zarr.json"
    change(own, how) if how in CHANGES else damage(own, how)
    assert list(problems(place)) == [layout.metadata(which)]
    assert not is_intact(place)
    assert is_sealed(place)  # the copies are what they were, so that readers read them
    assert unseal(place)
    assert own.read_bytes() == whole[own]
    seal(place)
    assert {path: path.read_bytes() for path in root.rglob("zarr.json")} == whole


@pytest.mark.parametrize("what", ["sealed", "units", '"int16"', "consolidated_metadata", "node_type"])
def test_damage_of_the_copies_is_seen_and_the_own_documents_stand(place: Place, root: PlacePath, what: str) -> None:
    seal(place)
    whole = {path: path.read_bytes() for path in root.rglob("zarr.json")}
    text = (root / "zarr.json").read_text()
    text = text if what != "sealed" else text.replace(json.loads(text)["attributes"][SEAL], "sealed")
    at = text.index(what) + 2
    (root / "zarr.json").write_text(text[:at] + "~" + text[at + 1 :])
    assert list(problems(place)) == [layout.HIERARCHY_METADATA]
    unseal(place)
    seal(place)
    assert {path: path.read_bytes() for path in root.rglob("zarr.json")} == whole


def test_where_nothing_says_which_of_two_is_right_what_lies_there_is_to_do(place: Place, root: PlacePath) -> None:
    """As in a store that was sealed before there was a hash."""
    receipts = [layout.receipt(f"sets/{name}", 0) for name in "ab"]
    create_group(place, "sets/b", VARIABLES, dim="example", rows=4, shard=SHARD, attributes={})
    for key in receipts:
        place.write(key, b"{}")
    seal(place)
    document = json.loads((root / "zarr.json").read_text())
    del document["attributes"][SEAL]
    (root / "zarr.json").write_text(json.dumps(document))
    assert problems(place) == {}
    assert not is_intact(place)  # it is sealed with a hash by the next run
    (root / "sets/b/label/zarr.json").unlink()
    change(root / "sets/zarr.json", "more")
    change(root / "sets/a/label/zarr.json", "dims")
    assert len(problems(place)) == 3
    unseal(place)
    assert [place.has(key) for key in receipts] == [False, True]
    assert (root / "sets/b/label/zarr.json").exists()
    assert not (root / "sets/a/label/zarr.json").exists()
    assert json.loads((root / "sets/zarr.json").read_text())["attributes"] == {}


STRANGE = {
    "sets": ('"attributes"', '"attributez"'),
    "sets/a": ('"node_type"', '"node_typf"'),
    "sets/a/label": ("int16", "int17"),
    "sets/a/image": ("crc32c", "crc32d"),
    "sets/a/success": ('"fill_value"', '"fill_valuf"'),
}


@pytest.mark.parametrize("before", [True, False], ids=["at the beginning", "meanwhile"])
@pytest.mark.parametrize("which", STRANGE)
def test_a_document_that_zarr_refuses_is_damage_in_a_store_that_is_not_sealed(
    place: Place, root: PlacePath, which: str, before: bool
) -> None:
    """As after a kill, and during every run: it goes, and its job puts it back; groups of groups are written anew."""
    create_group(place, "sets/b", VARIABLES, dim="example", rows=4, shard=SHARD, attributes={})
    receipts = [layout.receipt(f"sets/{name}", 0) for name in "ab"]
    for key in receipts:
        place.write(key, b"{}")
    path = root / which / "zarr.json"
    text = path.read_text()
    assert STRANGE[which][0] in text
    path.write_text(text.replace(*STRANGE[which]))
    assert list(problems(place)) == [layout.metadata(which)]
    if before:
        assert unseal(place)
    assert seal(place) == (which != "sets" and not before)
    assert problems(place) == {}
    assert all(place.has(key) for key in receipts)  # by which the job puts it back


@pytest.mark.parametrize("group", ["sets/a", "units/a"])
@pytest.mark.parametrize("which", ["", "/label"])
def test_what_no_job_puts_back_is_to_do_in_a_store_that_is_not_sealed(
    place: Place, root: PlacePath, group: str, which: str
) -> None:
    """What metadata say of what lies there is lost with them."""
    create_group(place, "units/a", VARIABLES, dim="example", rows=4, shard=SHARD, attributes={})
    place.write(layout.receipt(group, 0), b"{}")
    file = root / f"{group}{which}/zarr.json"
    file.write_text(file.read_text()[:-9]) if which else file.unlink()
    assert list(problems(place)) == [layout.metadata(f"{group}{which}")]
    assert unseal(place)
    assert problems(place) == {}
    assert place.has(layout.receipt(group, 0)) == (group == "sets/a")


def test_the_hierarchys_own_document_is_written_anew_where_zarr_refuses_it(place: Place, root: PlacePath) -> None:
    path = root / "zarr.json"
    path.write_text(path.read_text().replace('"node_type"', '"more": 1, "node_type"'))
    assert not seal(place)
    assert problems(place) == {}


def not_whole(root: PlacePath, change: Callable[[dict[str, Any]], None]) -> None:
    """Have the copies be others than those that were sealed."""
    document = json.loads((root / "zarr.json").read_text())
    change(document["consolidated_metadata"]["metadata"])
    (root / "zarr.json").write_text(json.dumps(document))


def test_a_copy_of_a_group_of_groups_that_is_damaged_costs_nothing(place: Place, root: PlacePath) -> None:
    """One byte of it, and a document that was lost anywhere else."""
    receipt = layout.receipt("sets/a", 0)
    place.write(receipt, b"{}")
    seal(place)
    lost = (root / "sets/a/label/zarr.json").read_bytes()
    not_whole(root, lambda copies: copies["sets"]["attributes"].update(a=1))
    (root / "sets/a/label/zarr.json").unlink()
    assert unseal(place)
    assert place.has(receipt)
    assert (root / "sets/a/label/zarr.json").read_bytes() == lost
    assert json.loads((root / "sets/zarr.json").read_text())["attributes"] == {}


@pytest.mark.parametrize("path", ["../../other/sets", "/sets/c", "sets/./c", "sets//c", "", "sets/.."])
def test_nothing_is_written_where_no_group_can_lie(place: Place, root: PlacePath, path: str) -> None:
    """Whatever a root says that came from somebody else."""
    seal(place)
    before = set(place.files())
    not_whole(root, lambda copies: copies.update({path: copies["sets/a"]}))
    (root / "sets/a/label/zarr.json").unlink()  # or the groups' and arrays' own documents would stand
    written: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        write = type(place).write
        patch.setattr(type(place), "write", lambda self, key, content: (written.append(key), write(self, key, content)))
        unseal(place)
    assert set(written) <= before
    assert set(place.files()) == before


def test_receipts_go_before_the_document_that_may_be_wrong(place: Place, root: PlacePath) -> None:
    """Killed in between, a run would find it lost, and put back a copy that may be wrong as well."""
    create_group(place, "units/a", VARIABLES, dim="example", rows=4, shard=SHARD, attributes={})
    place.write(layout.receipt("units/a", 0), b"{}")
    (root / "units/a/label/zarr.json").write_bytes(b"[]")
    gone: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("delete", "delete_all"):
            patch.setattr(type(place), name, lambda self, key: gone.append(key))
        unseal(place)
    assert gone == [layout.receipts("units/a"), layout.metadata("units/a/label")]


def test_a_document_of_no_job_takes_no_others_receipts_with_it(place: Place, root: PlacePath) -> None:
    """Whatever was put there: the receipts of what lies beside it stay."""
    place.write(layout.receipt("sets/a", 0), b"{}")
    place.write(layout.metadata("sets/stray"), b"{}")
    assert unseal(place)
    assert place.has(layout.receipt("sets/a", 0))
    assert not place.has(layout.metadata("sets/stray"))


def test_a_group_that_nobody_sealed_is_named(place: Place, root: PlacePath) -> None:
    seal(place)
    create_group(place, "sets/b", {}, dim="example", rows=4, shard=SHARD, attributes={})
    assert problems(place) == {layout.metadata("sets/b"): "the hierarchy has no such group or array"}
    set_group_attributes(place, "sets/b", {"a": 1})
    assert problems(Place.at(place.path("nothing"))) == {}
