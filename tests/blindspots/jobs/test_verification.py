import json
from pathlib import Path

import pytest

from blindspots.errors import InputError
from blindspots.jobs.opening import workspace_of
from blindspots.jobs.run import run_study
from blindspots.jobs.verification import repair, verify
from blindspots.store import layout
from blindspots.study.study import Study
from tests.stores import assert_same_content

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
    receipt = root / layout.receipt("sets/fc10/seed-0/train/random", 0)
    content = json.loads(receipt.read_text())
    receipt.write_text(json.dumps({**content, "versions": {**content["versions"], "numpy": "1.0"}}))
    versions = verify(workspace_of(root)).versions
    assert set(versions) == {"numpy"}
    assert sorted(versions["numpy"].values()) == [1, SHARDS - 1]


def test_an_empty_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no study in"):
        workspace_of(tmp_path)
