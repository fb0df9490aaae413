"""A machine of hypothesis: a study of toys is run, stopped, damaged, repaired and changed, in any order, in every way.

Whatever happened, what the store takes for done is what an undisturbed run makes, and the next run finishes.

``-m faults`` goes on until there were ``BLINDSPOTS_OPERATIONS`` operations of the store, 100 000 otherwise, at any of
which a run may have been disturbed, from the seed ``BLINDSPOTS_SEED``, in memory and in local folders, and prints its
counts.
"""

import os
import random
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from blindspots.errors import BlindspotsError
from blindspots.jobs.opening import working
from blindspots.jobs.stage import STAGES
from blindspots.jobs.verification import repair, verify
from blindspots.store import layout
from blindspots.store.place import Place
from tests.faults import KilledError, away, dead, denied, failing_at, full
from tests.toys import TOYS, ToyWorkspace, held, run, sets, workspace_at

HOW: dict[str, dict[str, Callable[..., Any]]] = {
    "killed": {"of_place": dead, "of_zarr": full},
    "full": {"of_place": full, "of_zarr": full},
    "denied": {"of_place": denied, "of_zarr": denied},
    "out of reach": {"of_place": away, "of_zarr": away},
}
WALK = ("damaged", "disturbed", "restored", "mended", "finished", "asked", "swapped")
DAMAGES = ("flipped", "truncated", "emptied", "deleted", "swapped", "of before")


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STAGES, "_entries", {stage.name: stage for stage in TOYS})


COUNTS: Counter[str] = Counter()


class Machine(RuleBasedStateMachine):
    """The store of a study, beside what it is to hold."""

    base: ClassVar[str] = "memory://campaign"
    """Below which roots are made."""
    oracles: ClassVar[dict[int, dict[Any, Any]]] = {}
    """What an undisturbed run leaves, by the study's seed."""

    def __init__(self) -> None:
        super().__init__()
        self.root = f"{self.base}/{uuid.uuid4().hex}"
        self.seed = 0
        self.before: dict[str, bytes] = {}

    @property
    def workspace(self) -> ToyWorkspace:
        return workspace_at(self.root, self.seed)

    def oracle(self) -> dict[Any, Any]:
        if self.seed not in self.oracles:
            undisturbed = workspace_at(f"{self.base}/undisturbed-{self.seed}", self.seed)
            run(undisturbed)
            self.oracles[self.seed] = held(undisturbed)
        return self.oracles[self.seed]

    @rule()
    def finish(self) -> None:
        for _ in range(3):  # what was damaged where no job reads it, only verify finds
            with failing_at(10**9, reading=True) as count:
                run(self.workspace)
            COUNTS.update(operations=count[0], changes=count[1], runs=1)
            found = verify(self.workspace)
            if not found.damaged and not found.missing:
                break
            with working(self.workspace):
                repair(self.workspace, found)
        else:
            raise AssertionError(f"after three runs: {found}")
        assert held(self.workspace) == self.oracle()

    @rule(
        at=st.integers(0, 120),
        how=st.sampled_from(sorted(HOW)),
        after=st.booleans(),
        once=st.booleans(),
        reading=st.booleans(),
    )
    def be_disturbed(self, at: int, how: str, after: bool, once: bool, reading: bool) -> None:
        """Run, and have an operation fail: one that changes the store, or with ``reading`` any, of which more are."""
        reading = reading and how != "full"
        with failing_at(at * 8 if reading else at, after=after, once=once, reading=reading, **HOW[how]) as count:
            try:
                run(self.workspace)
            except (KilledError, OSError, BlindspotsError):
                COUNTS[how] += 1
        COUNTS.update(operations=count[0], changes=count[1])

    @rule(which=st.integers(0, 10**6), how=st.sampled_from(DAMAGES), draw=st.integers(0, 10**9), values=st.booleans())
    def be_damaged(self, which: int, how: str, draw: int, values: bool) -> None:
        """Damage a file; ``values``: one that holds some of the arrays or weights."""
        place = self.workspace.place
        files = [key for key in place.files() if not values or "/c/" in key or key.startswith(layout.MODELS)]
        if not files:
            return
        key = files[which % len(files)]
        content = place.read(key)
        changed = self._changed(how, key, content, random.Random(draw), place)
        if changed == content:
            return
        place.delete(key) if changed is None else place.write(key, changed)
        COUNTS[how] += 1

    @rule(draw=st.integers(0, 10**9))
    def be_swapped_before_being_read(self, draw: int) -> None:
        """Have two chunks of a set lie in each other's place before the table is drawn of it: from them, by a run."""
        random_, place = random.Random(draw), self.workspace.place
        chunks = layout.in_hierarchy(random_.choice(sets()).key) + "/value/c"
        files = list(place.files(chunks))
        if len(files) < 2:
            return
        one, other = random_.sample(files, 2)
        contents = place.read(one), place.read(other)
        place.write(one, contents[1])
        place.write(other, contents[0])
        place.delete(layout.receipt(layout.table("1"), 0))
        COUNTS["swapped before being read"] += 1

    def _changed(self, how: str, key: str, content: bytes, draw: random.Random, place: Place) -> bytes | None:
        if how == "deleted":
            return None
        if how == "of before":
            return self.before.get(key, content)
        if how == "swapped":
            others = [other for other in place.files() if other != key and other.split("/")[-1] == key.split("/")[-1]]
            return place.read(draw.choice(others)) if others else content
        if how == "emptied" or not content:
            return b""
        at = draw.randrange(len(content))
        return (
            content[:at]
            if how == "truncated"
            else content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]
        )

    @rule()
    def remember(self) -> None:
        place = self.workspace.place
        self.before = {key: place.read(key) for key in place.files()}

    @precondition(lambda self: self.before)
    @rule(draw=st.integers(0, 10**9), share=st.floats(0, 1))
    def restore_a_part(self, draw: int, share: float) -> None:
        place, random_ = self.workspace.place, random.Random(draw)
        for key, content in self.before.items():
            if random_.random() < share:
                place.write(key, content)
        COUNTS["partial restores"] += 1

    @rule()
    def mend(self) -> None:
        """Repair what is found, as a command does, where the root says still what it is."""
        found = verify(self.workspace)
        if found.damaged:
            with working(self.workspace):
                repair(self.workspace, found)

    @rule(seed=st.integers(0, 2))
    def ask_another_study(self, seed: int) -> None:
        self.seed = seed

    @invariant()
    def what_is_held_is_right(self) -> None:
        oracle = self.oracle()
        for key, arrays in held(self.workspace).items():
            assert arrays == oracle[key], key

    def teardown(self) -> None:
        self.finish()
        Place.at(self.root).delete_all("")


def operate(examples: int, steps: int, number: int | None = None, **phases: Any) -> None:
    if number is not None:
        seed(number)(Machine)
    wanted = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **phases,
    )
    run_state_machine_as_test(Machine, settings=wanted)


def walk(number: int, steps: int) -> None:
    """Take the machine through steps that are drawn from a seed, most of which do harm; the first is the rarest."""
    draw, machine = random.Random(number), Machine()
    machine.finish()
    machine.remember()
    machine.be_swapped_before_being_read(draw=number)
    machine.finish()
    for _ in range(steps):
        what = draw.choices(WALK, (9, 4, 1, 1, 3, 1, 1))[0]
        if what == "damaged":
            how, values = draw.choice((*DAMAGES, "flipped", "swapped")), draw.random() < 0.6
            machine.be_damaged(which=draw.randrange(10**6), how=how, draw=draw.randrange(10**9), values=values)
        elif what == "disturbed":
            once, after, reading = (draw.random() < 0.5 for _ in range(3))
            how, at = draw.choice(sorted(HOW)), draw.randrange(120)
            machine.be_disturbed(at=at, how=how, after=after, once=once, reading=reading)
        elif what == "restored":
            machine.restore_a_part(draw=draw.randrange(10**9), share=draw.random())
        elif what == "mended":
            machine.mend()
        elif what == "swapped":
            machine.be_swapped_before_being_read(draw=draw.randrange(10**9))
        elif what == "asked":
            machine.ask_another_study(seed=draw.randrange(2))
        else:
            machine.finish()
        machine.what_is_held_is_right()
    machine.teardown()


@pytest.mark.usefixtures("toys")
def test_whatever_befalls_a_store_the_next_run_makes_it_right() -> None:
    COUNTS.clear()
    walk(0, 30)
    assert COUNTS["operations"] > 2000  # at any of which a run may be disturbed
    assert COUNTS["changes"] > 300
    assert sum(COUNTS[how] for how in DAMAGES) > 5
    assert COUNTS["swapped before being read"]


@pytest.mark.faults
@pytest.mark.usefixtures("toys")
@pytest.mark.timeout(0)
@pytest.mark.parametrize("where", ["memory", "local"])
def test_as_many_operations_as_are_wanted(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if where == "local":
        monkeypatch.setattr(Machine, "base", str(tmp_path))
    COUNTS.clear()
    number = int(os.environ.get("BLINDSPOTS_SEED", "0"))
    while COUNTS["operations"] < int(os.environ.get("BLINDSPOTS_OPERATIONS", "100000")):
        operate(20, 20, number, database=None, phases=[Phase.generate])
        number += 1
        with capsys.disabled():
            print(where, number, dict(sorted(COUNTS.items())))  # noqa: T201
