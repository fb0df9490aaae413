"""Files of a finished store damaged one by one: every damage is found by ``verify``, and made right by a run.

Some belong to every run of the tests; ``-m faults`` does as many as ``BLINDSPOTS_FAULTS`` says, 1000 otherwise, from
the seed ``BLINDSPOTS_SEED``, and prints its counts.
"""

import os
import random
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from blindspots.jobs.opening import working, workspace_of
from blindspots.jobs.run import run_study
from blindspots.jobs.verification import repair, verify
from blindspots.store import layout
from blindspots.study.study import Study
from tests.stores import assert_same_content

MOST = 6 << 30
"""Bytes that a damaged file may ask for beyond what the process has: more is refused, and does not take the machine."""
KINDS = ("flipped", "truncated", "deleted", "swapped")
AT_ONCE = 20
"""Damages that are repaired by one run."""


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MOST, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


class Campaign:
    """Damages to the files of a root, from a seed; what was found and made right of each kind."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.draw = root, random.Random(seed)
        files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != layout.LOCK)
        self.whole = {path: path.read_bytes() for path in files}
        self.trials: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()
        self.missed: list[str] = []
        self._left: list[Path] = []

    def damaged(self, kind: str, path: Path) -> bytes | None:
        """Return what a file is after a damage of a kind; None for a file that is gone."""
        content = self.whole[path]
        if kind == "deleted":
            return None
        if kind == "truncated":
            return content[: self.draw.randrange(len(content))]
        if kind == "flipped":
            at = self.draw.randrange(len(content))
            return content[:at] + bytes([content[at] ^ 1 << self.draw.randrange(8)]) + content[at + 1 :]
        others = [other for other, there in self.whole.items() if other.name == path.name and there != content]
        return self.whole[self.draw.choice(others)] if others else content[::-1]

    def damage(self) -> tuple[str, Path]:
        """Damage a file that is whole; return how, and which."""
        self._left = self._left or self.draw.sample(list(self.whole), len(self.whole))  # every file has its turn
        kind, path = self.draw.choice(KINDS), self._left.pop()
        content = self.damaged(kind, path)
        path.unlink() if content is None else path.write_bytes(content)
        self.trials[kind] += 1
        return kind, path

    def is_found(self) -> bool:
        found = verify(workspace_of(self.root))
        return bool(found.damaged or found.missing)

    def go(self, study: Study, trials: int) -> None:
        """Damage a file at a time and look whether that is found; then as many at once, and repair them by a run."""
        while trials > 0:
            done = []
            for _ in range(min(AT_ONCE, trials)):
                kind, path = self.damage()
                damage = path.read_bytes() if path.exists() else None
                done.append((kind, path, damage))
                if self.is_found():
                    self.found[kind] += 1
                else:
                    self.missed.append(f"{kind} {path.relative_to(self.root)}")
                path.write_bytes(self.whole[path])
            for _, path, damage in done:
                path.unlink(missing_ok=True) if damage is None else path.write_bytes(damage)
            self.make_right(study)
            assert not self.is_found()
            self.repaired.update(kind for kind, _, _ in done)
            trials -= len(done)
            self.whole = {path: path.read_bytes() for path in self.whole}  # receipts say other times now

    def make_right(self, study: Study) -> None:
        """Repair and run until nothing is left to find: the study is given, as a user who lost its file would."""
        for _ in range(3):
            run_study(study, self.root)
            workspace = workspace_of(self.root)
            found = verify(workspace)
            if not found.damaged and not found.missing:
                return
            with working(workspace):
                repair(workspace, found)

    def told(self) -> str:
        return "\n".join(f"{kind}: {self.trials[kind]}, {self.found[kind]}, {self.repaired[kind]}" for kind in KINDS)


def test_damage_anywhere_is_found_and_made_right(tiny: Study, root: Path, tiny_root: Path) -> None:
    campaign = Campaign(root, seed=1)
    campaign.go(tiny, 8)
    assert campaign.missed == [], campaign.told()
    assert_same_content(root, tiny_root)


@pytest.mark.faults
@pytest.mark.timeout(0)
def test_damage_anywhere_by_hand(tiny: Study, root: Path, tiny_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("BLINDSPOTS_SEED", "0"))
    campaign = Campaign(root, seed)
    left = int(os.environ.get("BLINDSPOTS_FAULTS", "1000"))
    while left > 0:
        campaign.go(tiny, min(AT_ONCE, left))
        assert_same_content(root, tiny_root)
        left -= AT_ONCE
        with capsys.disabled():
            print(f"\nseed {seed}; kind: damaged, found, repaired\n{campaign.told()}", campaign.missed)  # noqa: T201
    assert campaign.missed == []
