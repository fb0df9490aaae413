import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from blindspots.errors import InputError
from blindspots.jobs.opening import open_root, working, workspace_of
from blindspots.jobs.run import run_study
from blindspots.jobs.stage import STAGES
from blindspots.jobs.verification import repair, verify
from blindspots.store import layout
from blindspots.store.place import Place
from blindspots.store.receipts import read_receipt, rewrite_receipt
from blindspots.study.study import Study
from tests import toys as of_toys
from tests.blindspots.jobs.conftest import changed
from tests.stores import assert_same_content
from tests.toys import TOYS, ToyWorkspace, workspace_at

SHARDS = 2 + 8 * 3 + 14 + 2 + 4 + 4


def test_a_whole_store_is_intact(root: Path) -> None:
    found = verify(workspace_of(root))
    assert (found.intact, found.missing, found.damaged, found.versions) == (SHARDS, 0, (), {})


def test_damage_is_named_by_set_and_shard_and_left_as_it_is(tiny: Study, root: Path, tiny_root: Path) -> None:
    shard = root / "study.zarr/sets/fc10/seed-0/train/random/perturbation/c/1/0/0/0"
    content = bytearray(shard.read_bytes())
    content[40] ^= 1
    shard.write_bytes(content)
    found = verify(workspace_of(root))
    assert [str(each).partition(": ")[0] for each in found.damaged] == ["sets/fc10/seed-0/train/random shard 1"]
    assert "perturbation" in found.damaged[0].problem
    assert found.intact == SHARDS - 1
    assert shard.read_bytes() == content
    assert run_study(tiny, root).shards == {}  # a plan looks at names and sizes
    repair(workspace_of(root), found)
    assert verify(workspace_of(root)).missing == 1
    assert run_study(tiny, root).shards == {"sets/fc10/seed-0/train/random": (1,)}
    assert_same_content(root, tiny_root)


def test_weights_of_another_training_are_damage(root: Path) -> None:
    (root / layout.weights("fc10", 0)).write_bytes((root / layout.weights("fc20-10", 0)).read_bytes())
    found = verify(workspace_of(root))
    assert [each.job for each in found.damaged] == ["models/fc10/seed-0"]
    assert "the content is not what the receipt says" in found.damaged[0].problem


def test_a_shard_without_a_receipt_is_not_done(root: Path) -> None:
    (root / layout.receipt("sets/fc10/seed-0/train/random", 2)).unlink()
    found = verify(workspace_of(root))
    assert (found.intact, found.missing, found.damaged) == (SHARDS - 1, 1, ())


def test_a_mixture_of_versions_is_told(root: Path) -> None:
    key = layout.receipt("sets/fc10/seed-0/train/random", 0)
    receipt = read_receipt(Place.at(root), key)
    assert receipt is not None
    rewrite_receipt(Place.at(root), key, replace(receipt, versions={**receipt.versions, "numpy": "1.0"}))
    versions = verify(workspace_of(root)).versions
    assert set(versions) == {"numpy"}
    assert sorted(versions["numpy"].values()) == [1, SHARDS - 1]


def test_an_empty_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no study in"):
        workspace_of(tmp_path)


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "lose":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[int(how)] ^= 4
        path.write_bytes(content)


@pytest.mark.parametrize(
    "damages",
    [
        {
            "models/fc10/seed-0.safetensors": ("40", "models/fc10/seed-0 shard 0"),  # in what it says of itself
            "receipts/sets/fc10/seed-0/train/random/1.json": ("20", "sets/fc10/seed-0/train/random shard 1"),
            "study.zarr/tables/table1/zarr.json": ("cut", "tables/table1 shard 0"),
            "study.zarr/sets/fc20-10/zarr.json": ("lose", "study.zarr/sets/fc20-10/zarr.json"),
            "study.zarr/spectral/fc10/seed-0/zarr.json": ("30", "spectral/fc10/seed-0 shard 0"),
            "study.zarr/sets/fc20-10/seed-0/train/random/label/zarr.json": (
                "99",
                "study.zarr/sets/fc20-10/seed-0/train/random/",
            ),
            "study.json": ("300", "study.json"),
        },
        {
            "study.zarr/zarr.json": ("5000", "study.zarr/zarr.json"),
            "study.zarr/sets/fc10/zarr.json": ("lose", "study.zarr/sets/fc10/zarr.json"),
            "receipts/study.json": ("lose", "receipts/study.json"),
        },
        {"receipts/study.json": ("cut", "receipts/study.json")},
    ],
    ids=["parts", "consolidated", "cut"],
)
def test_every_byte_that_a_reader_may_see_is_verified_and_made_right_by_a_run(
    tiny: Study, root: Path, tiny_root: Path, damages: dict[str, tuple[str, str]]
) -> None:
    for file, (how, _) in damages.items():
        damage(root / file, how)
    workspace = workspace_of(root)
    found = verify(workspace)
    for file, (_, job) in damages.items():
        assert any(str(each).startswith(job) for each in found.damaged), file
    with working(workspace):
        repair(workspace, found)
    run_study(tiny, root)
    after = verify(workspace_of(root))
    assert (after.damaged, after.missing) == ((), 0)
    for file in damages:
        if not file.startswith(("models/", "receipts/sets")):
            assert (root / file).read_bytes() == (tiny_root / file).read_bytes(), file


def test_what_was_drawn_from_another_shard_is_drawn_again(tiny: Study, root: Path, tiny_root: Path) -> None:
    """Of files that were swapped each can be read: only their hashes tell, and by then tables show them."""
    one, other = (root / f"study.zarr/sets/{name}/seed-0/train/nearest/distortion/c/0" for name in ("fc10", "fc20-10"))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert one.stat().st_size == other.stat().st_size  # or a plan would see it
    (root / layout.receipt("tables/table1", 0)).unlink()
    assert run_study(tiny, root).shards == {"tables/table1": (0,)}
    table = "study.zarr/tables/table1/distortion/c/0/0"
    assert (root / table).read_bytes() != (tiny_root / table).read_bytes()
    workspace = workspace_of(root)
    found = verify(workspace)
    assert {each.job for each in found.damaged} == {f"sets/{name}/seed-0/train/nearest" for name in ("fc10", "fc20-10")}
    repair(workspace, found)
    run_study(tiny, root)
    assert_same_content(root, tiny_root)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STAGES, "_entries", {stage.name: stage for stage in TOYS})


def toy_workspace() -> ToyWorkspace:
    return workspace_at(f"memory://verification/{uuid.uuid4().hex}", 0)


TOY = "sets/fc10/seed-0/train/nearest"


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("lost", [TOY, f"{TOY}/value"])
def test_shards_that_are_right_once_the_metadata_are_put_back_are_kept(lost: str) -> None:
    workspace = toy_workspace()
    of_toys.run(workspace)
    workspace.place.delete(layout.metadata(lost))
    found = verify(workspace)
    assert {(each.job, each.shard) for each in found.damaged} >= {(TOY, 0), (TOY, 1), (TOY, 2)}
    with working(workspace):
        assert repair(workspace, found) == ()
    after = verify(workspace)
    assert (after.damaged, after.missing) == ((), 0)


@pytest.mark.usefixtures("toys")
def test_what_was_made_anew_before_the_root_was_held_is_kept() -> None:
    workspace = toy_workspace()
    of_toys.run(workspace)
    chunk = layout.chunk(TOY, "label", (1,))
    workspace.place.write(chunk, workspace.place.read(chunk)[:-1] + b"x")
    found = verify(workspace)
    repair(workspace, found)  # by another who looked
    of_toys.run(workspace)
    assert repair(workspace, found) == ()


@pytest.mark.usefixtures("toys")
def test_what_read_a_shard_that_is_dropped_is_dropped_though_it_is_damaged_itself() -> None:
    """To drop the weights forgets the set that read them, and that set misled the table."""
    workspace = toy_workspace()
    of_toys.run(workspace)
    place = workspace.place
    place.write(layout.weights("fc10", 0), place.read(layout.weights("fc20-10", 0)))
    place.write(layout.chunk(TOY, "label", (0,)), place.read(layout.chunk(TOY, "label", (1,))))
    dropped = repair(workspace, verify(workspace))
    assert {each.job for each in dropped} == {"models/fc10/seed-0", TOY}
    assert not place.has(layout.receipt("tables/table1", 0))


@pytest.mark.usefixtures("toys")
def test_a_root_in_which_another_study_was_run_meanwhile_is_left_to_that() -> None:
    workspace = toy_workspace()
    other = workspace_at(str(workspace.place), 1)
    of_toys.run(other)
    before = {key: workspace.place.read(key) for key in workspace.place.files()}
    with pytest.raises(InputError, match=r"another study was run in .* meanwhile"):  # noqa: SIM117
        with working(workspace, of_last_run=True):
            pytest.fail("the root was held")
    left = {key: workspace.place.read(key) for key in workspace.place.files()}
    assert {key: left[key] for key in left if key != layout.LOCK} == {
        key: before[key] for key in before if key != layout.LOCK
    }
    with working(other, of_last_run=True):
        pass


def test_what_a_study_before_left_is_not_done_yet_while_this_one_waits(tiny: Study, root: Path) -> None:
    """As where a run of another study is killed while sets are made: pairs have receipts, for other sets and cells."""
    other = changed(tiny, sets={"rules": ["class-1", "nearest", "second"]})
    workspace = open_root(other, root).workspace
    with working(workspace):
        pass
    found = verify(workspace_of(root))
    assert found.missing > 0
    assert {each.job for each in found.damaged} == set()
    with working(workspace_of(root)):
        assert repair(workspace_of(root), found) == ()


def test_what_the_root_holds_of_studies_before_is_said(tiny: Study, root: Path) -> None:
    fewer = tiny.model_copy(update={"models": tiny.models[:1]})
    run_study(fewer, root)
    found = verify(workspace_of(root))
    assert "sets/fc20-10/seed-0/train/nearest" in found.others
    assert not any("transfer" in key or "/fc10/" in key for key in found.others)
