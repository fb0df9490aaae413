"""A set's arrays, made to fit the study that is asked for, whatever happened to them and whenever that ended."""

import uuid
from collections.abc import Mapping
from contextlib import suppress

import pytest

from blindspots.errors import BlindspotsError
from blindspots.jobs.stage import STAGES
from blindspots.jobs.verification import verify
from blindspots.store.arrays import group_lengths
from tests.faults import KilledError, failing_at
from tests.toys import EXAMPLES, NUMBERS, TOYS, ToyWorkspace, held, run, sets, workspace_at


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
    found = [group_lengths(workspace.place, each.key, NUMBERS) or {} for each in sets()]
    return {length for each in found for length in each.values()}


@pytest.mark.parametrize(("images", "kept"), [(8, (0, 1)), (3, (0,))])
def test_a_set_that_grows_or_shrinks_may_be_killed_anywhere(images: int, kept: tuple[int, ...]) -> None:
    place = finished(EXAMPLES).place
    before, undisturbed = {key: place.read(key) for key in place.files()}, held(finished(images))
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
        assert held(workspace) == undisturbed
        assert lengths(workspace) == {images}
        assert not verify(workspace).damaged
        if {images} in seen:
            break
    assert seen == {frozenset({EXAMPLES}), frozenset({EXAMPLES, images}), frozenset({images})}
