"""A set's arrays, made to fit the study that is asked for, whatever happened to them and whenever that ended."""

import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import zarr

from blindspots.errors import BlindspotsError
from blindspots.jobs.stage import STAGES
from blindspots.jobs.verification import verify
from blindspots.store import arrays, layout
from blindspots.store.arrays import Variable
from blindspots.store.fitting import read_document, read_documents
from blindspots.store.sealing import unseal
from tests.faults import KilledError, failing_at
from tests.toys import EXAMPLES, NUMBERS, TOYS, Held, ToyWorkspace, held, run, sets, workspace_at


@cache
def undisturbed(images: int) -> Held:
    return held(finished(images))


@cache
def finished_files() -> Mapping[str, bytes]:
    place = finished(EXAMPLES).place
    return {key: place.read(key) for key in place.files()}


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STAGES, "_entries", {stage.name: stage for stage in TOYS})


def root_like(files: Mapping[str, bytes], images: int) -> ToyWorkspace:
    """Return a workspace for ``images`` images in a root of these files."""
    workspace = workspace_at(f"memory://tests/{uuid.uuid4().hex}", 0, images)
    for key, content in files.items():
        workspace.place.write(key, content)
    return workspace


def finished(images: int) -> ToyWorkspace:
    workspace = root_like({}, images)
    run(workspace)
    return workspace


def lengths(workspace: ToyWorkspace) -> set[int]:
    found = [read_documents(workspace.place, each.key, NUMBERS).values() for each in sets()]
    return {document["shape"][0] for documents in found for document in documents if document}


@pytest.mark.parametrize(("images", "kept"), [(8, (0, 1)), (3, (0,))])
def test_a_set_that_grows_or_shrinks_may_be_killed_anywhere(images: int, kept: tuple[int, ...]) -> None:
    before = finished_files()
    seen = set()
    for at in range(100):
        workspace = root_like(before, images)
        with failing_at(at), suppress(KilledError, OSError, BlindspotsError):
            run(workspace)
        seen.add(frozenset(lengths(workspace)))
        if lengths(workspace) == {EXAMPLES}:
            continue
        ran = run(workspace).shards
        assert not any(set(kept) & set(ran.get(each.key, ())) for each in sets()), "what was done is kept"
        assert held(workspace) == undisturbed(images)
        assert lengths(workspace) == {images}
        assert not verify(workspace).damaged
        if {images} in seen:
            break
    assert seen == {frozenset({EXAMPLES}), frozenset({EXAMPLES, images}), frozenset({images})}


def flipped(content: bytes) -> bytes:
    return content.replace(b'"a number"', b'"a numbes"').replace(b'"of"', b'"og"').replace(b'"fc10"', b'"fc11"')


DAMAGES = {
    "flipped": flipped,
    "of another length": lambda content: content.replace(b"    5", b"    4"),
    "an unknown kind of number": lambda content: content.replace(b"float32", b"float33"),
    "another key": lambda content: content.replace(b'"attributes"', b'"attributez"'),
    "of an older Zarr": lambda content: json.dumps(json.loads(content) | {"storage_transformers": [1]}).encode(),
    "truncated": lambda content: content[:-9],
    "of another work": lambda content: content.replace(b'"identity": "', b'"identity": "0').replace(b"units", b"unitz"),
    "of another size of shards": lambda content: content.replace(b'"shard": 2', b'"shard": 3'),
    "lost": lambda content: None,
}


@pytest.mark.parametrize(
    ("how", "path", "images"),
    [
        *((how, "/value", EXAMPLES) for how in DAMAGES if not how.startswith("of another s")),
        *((how, "", EXAMPLES) for how in ("another key", "of another work", "of another size of shards", "lost")),
        ("of another length", "/label", 8),
        ("of another work", "", 8),
        ("lost", "/label", 8),
        ("lost", "/value", 3),
    ],
)
def test_metadata_damaged_while_a_run_was_killed_are_put_back_and_no_shard_is_lost(
    how: str, path: str, images: int
) -> None:
    workspace, key = root_like(finished_files(), images), layout.metadata(sets()[0].key + path)
    unseal(workspace.place)
    content = finished_files()[key]
    changed = DAMAGES[how](content)
    workspace.place.delete(key) if changed is None else workspace.place.write(key, changed)
    ran = run(workspace).shards
    assert not {0, int(images > 3)} & set(ran.get(sets()[0].key, ()))
    if images == EXAMPLES:
        assert not ran
        assert json.loads(workspace.place.read(key)) == json.loads(content)
    assert lengths(workspace) == {images}
    assert not verify(workspace).damaged


def made_by_an_older_version(node: zarr.Group, variables: Mapping[str, Variable], **sizes: Any) -> None:
    for name, variable in variables.items():
        node.create_array(
            name,
            shape=(sizes["rows"], *variable.shape),
            dtype=variable.dtype,
            chunks=(sizes["shard"], *variable.shape),
            dimension_names=(sizes["dim"], *variable.dims),
            compressors=None,
            attributes={"units": "m"},
        )


@pytest.mark.parametrize("images", [EXAMPLES, 8])
def test_arrays_that_an_older_version_encoded_otherwise_stay_so(monkeypatch: pytest.MonkeyPatch, images: int) -> None:
    workspace = root_like({}, EXAMPLES)
    with monkeypatch.context() as before:
        before.setattr(arrays, "create_arrays", made_by_an_older_version)
        run(workspace)
    workspace = replace(workspace, images=images)
    assert set(run(workspace).shards) == (
        {each.key for each in sets()} | {"tables/table1"} if images > EXAMPLES else set()
    )
    document = read_document(workspace.place, f"{sets()[0].key}/value")
    assert document is not None
    assert [codec["name"] for codec in document["codecs"]] == ["bytes"]
    assert document["attributes"] == {"units": "1", "long_name": "a number"}
    assert document["shape"] == [images, 3]
    assert held(workspace) == undisturbed(images)
    assert not verify(workspace).damaged
