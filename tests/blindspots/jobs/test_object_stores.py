"""Studies on object stores: killed and resumed, they end as local ones do, and plain libraries read them there."""

import uuid
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from obstore.store import from_url
from zarr.storage import ObjectStore

from blindspots.errors import InputError, OutOfReachError
from blindspots.jobs.opening import working, workspace_of
from blindspots.jobs.plan import make_plan
from blindspots.jobs.run import run_study
from blindspots.jobs.stage import STAGES
from blindspots.jobs.verification import repair, verify
from blindspots.results import Results
from blindspots.store import layout
from blindspots.store.copying import copy_root
from blindspots.store.place import Place
from blindspots.store.places import lease as leases
from blindspots.store.places.bucket import opened_bucket
from blindspots.study.study import Study
from tests.faults import KilledError, failing_at
from tests.s3_server import Server
from tests.stores import assert_same_content
from tests.toys import TOYS, held, run, workspace_at

server = pytest.mark.xdist_group("s3")


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STAGES, "_entries", {stage.name: stage for stage in TOYS})


@pytest.fixture
def address(s3: Server) -> str:
    """The address of a new root in a bucket of its own, since moto looks at all of a bucket to list a part."""
    bucket = uuid.uuid4().hex
    s3.make_bucket(bucket)
    return f"s3://{bucket}/study"


def die_with_its_lease(patch: pytest.MonkeyPatch) -> None:
    """Have a run that dies give nothing back, and time pass for who waits to see that."""
    now = [1000.0]
    patch.setattr(leases.Lease, "release", lambda lease: lease._over.set())
    patch.setattr(leases, "uptime", lambda: now[0])
    patch.setattr(leases, "sleep", lambda seconds: now.__setitem__(0, now[0] + 20))


@server
@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("operation", [1, 9, 62])
def test_a_study_that_is_killed_goes_on_and_ends_as_a_local_one(operation: int, address: str, tmp_path: Path) -> None:
    local, there = workspace_at(str(tmp_path / "local"), 0), workspace_at(address, 0)
    run(local)
    with pytest.MonkeyPatch.context() as patch:
        die_with_its_lease(patch)
        with pytest.raises((KilledError, OSError)), failing_at(operation):
            run(there)
        assert there.place.has(layout.LOCK)
        done = set(held(there))
        ran = run(there)
    assert not done & {(key, shard) for key, shards in ran.shards.items() for shard in shards}
    assert held(there) == held(local)
    there.place.delete(layout.LOCK)
    assert make_plan(there).complete
    assert not verify(there).damaged
    copy_root(there.place, Place.at(tmp_path / "back"))
    assert held(workspace_at(str(tmp_path / "back"), 0)) == held(local)


@server
@pytest.mark.usefixtures("toys")
def test_plain_libraries_read_it_there(address: str, tmp_path: Path) -> None:
    run(workspace_at(str(tmp_path), 0))
    run(workspace_at(address, 0))
    store = ObjectStore(from_url(f"{address}/study.zarr", client_options={"allow_http": True}), read_only=True)
    with (
        xr.open_datatree(store, engine="zarr") as there,
        xr.open_datatree(tmp_path / "study.zarr", engine="zarr") as here,
    ):
        assert there.groups == here.groups
        for group in ("tables/table1", "sets/fc10/seed-0/train/nearest"):
            xr.testing.assert_identical(there[group].to_dataset().load(), here[group].to_dataset().load())


@server
@pytest.mark.usefixtures("toys")
def test_what_is_damaged_there_is_found_and_made_anew(address: str) -> None:
    workspace = workspace_at(address, 0)
    run(workspace)
    whole, place = held(workspace), workspace.place
    file = layout.chunk("sets/fc10/seed-0/train/nearest", "label", (1,))
    place.write(file, place.read(file)[:-1] + b"x")
    place.delete(layout.metadata("sets"))
    found = verify(workspace)
    assert len(found.damaged) == 2
    with working(workspace):
        repair(workspace, found)
    assert run(workspace).shards == {"sets/fc10/seed-0/train/nearest": (1,)}
    assert not verify(workspace).damaged
    assert held(workspace) == whole


@server
@pytest.mark.usefixtures("toys")
def test_a_second_run_is_refused_while_one_is_at_work(address: str) -> None:
    place = Place.at(address)
    lease = leases.Lease(opened_bucket("s3", address.split("/")[2]), "study/run.lock", address, leases.Pace(beat=0.2))
    lease.take()
    with pytest.raises(InputError, match=rf"another run is at work in {address}, on .* \(process \d+\); wait for it"):
        run(workspace_at(address, 0))
    assert list(place.files()) == [layout.LOCK]
    lease.release()


@server
@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("requests", [30, 300])
def test_a_server_that_refuses_while_a_study_runs_undoes_nothing(address: str, s3: Server, requests: int) -> None:
    workspace, begun = workspace_at(address, 0), len(s3.requests)
    with (
        s3.failing(lambda request: "403 Forbidden" if len(s3.requests) > begun + requests else None),
        pytest.raises(
            OutOfReachError, match="it answers 403 Forbidden; what is done is kept, and the next run goes on"
        ),
    ):
        run(workspace)
    workspace.place.delete(layout.LOCK)
    done = set(held(workspace))
    ran = run(workspace)
    assert not done & {(key, shard) for key, shards in ran.shards.items() for shard in shards}
    assert not verify(workspace).damaged


def test_a_real_study_is_the_same_to_the_last_bit(tiny: Study, tiny_root: Path, tmp_path: Path) -> None:
    """In memory, where no request is slow: what follows from the weights is made anew there."""
    root, kept = (
        f"memory://{uuid.uuid4().hex}/study",
        (layout.receipts(layout.MODELS), layout.MODELS, "study.zarr/training"),
    )
    place = Place.at(root)
    for key in Place.at(tiny_root).files():
        if key.startswith(kept):
            place.write(key, Place.at(tiny_root).read(key))
    ran = run_study(tiny, root)
    assert not [key for key in ran.shards if key.startswith(layout.MODELS)]
    assert len(ran.shards) > 20
    assert not verify(workspace_of(root)).damaged
    assert run_study(tiny, root).shards == {}
    copy_root(place, Place.at(tmp_path / "back"))
    assert_same_content(tiny_root, tmp_path / "back")
    with Results(root) as results, Results(tiny_root) as local:
        assert results.root == root
        key = layout.adversarial_set("fc10", 0, "train", "nearest")
        xr.testing.assert_identical(results.lazy()[key].to_dataset().compute(), local.group(key).compute())
        theirs, ours = (dict(each.network("fc10").named_parameters()) for each in (local, results))
        assert all(np.array_equal(theirs[name].detach(), ours[name].detach()) for name in theirs | ours)
