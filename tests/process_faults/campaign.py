"""A campaign of faults that befall processes: each trial from a seed, its outcome a line of JSON, and a table of all.

A trial starts the command line on a small study, waits for a moment that is drawn, strikes, and sees the run end. Then
the next run finishes, in one process, and the store is held against an undisturbed one's.
"""

import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from blindspots.jobs.opening import workspace_of
from blindspots.jobs.verification import verify
from blindspots.store import layout
from tests.flows.conftest import CommandLine, descendants, end, is_alive
from tests.process_faults.cluster import Cluster
from tests.process_faults.forked import Forked
from tests.process_faults.kinds import KINDS, Kind, Underway
from tests.stores import assert_same_content

NOT_UP, TRIES = "Ray did not come up", 3
ENDED_SECONDS, LEFT_SECONDS = 120, 40
"""How long a run may take to end, and what it has started to be gone, before that counts as hanging or left."""
MOST_CROWD = 5.0


@dataclass(frozen=True)
class Outcome:
    """What came of a trial."""

    seed: int
    kind: str
    receipts: int
    """How many shards were done when it struck."""
    code: int
    seconds: float
    """From the strike to the end of the run."""
    lost: int = 0
    """Shards that were done and were made again."""
    double: int = 0
    """Files that an undisturbed run does not leave."""
    wrong: str = ""
    """What differs from an undisturbed run, or is damaged, or what the next run died of."""
    hung: bool = False
    left: int = 0
    """Processes that were there still."""
    said: str = ""
    """What was said or returned and should not be."""

    @property
    def recovered(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.lost or self.double or self.wrong or self.hung or self.left or self.said)


@dataclass(frozen=True)
class Bench:
    """What all trials share."""

    environment: dict[str, str]
    """Without any setting of the user's."""
    api: str
    """The address of a Prefect server, for runs that need none of their own."""
    study: str
    oracle: Path
    """The root of an undisturbed run."""
    folder: Path
    forked: Forked
    """Where most runs are forked from, with ``api`` for their server."""


def receipts(root: Path) -> set[str]:
    """Return the names of all receipts of shards."""
    found = {path.relative_to(root).as_posix() for path in (root / layout.RECEIPTS).rglob("*.json")}
    return found - {layout.STUDY_COPY}


def kind_of(seed: int) -> str:
    """Return the kind of a seed: so many seeds in a row have each of them once."""
    return list(KINDS)[seed % len(KINDS)]


def trial(seed: int, bench: Bench) -> Outcome:
    """Do one trial."""
    name = kind_of(seed)
    kind, draw = KINDS[name], random.Random(seed)
    folder = bench.folder / f"trial-{seed}"
    scratch = Path(tempfile.mkdtemp(prefix="bs-"))  # Ray takes no long path
    folder.mkdir(parents=True)
    try:
        for _ in range(TRIES):
            with _disk(folder, kind, bench, draw) as root, _cluster(kind, bench, scratch) as cluster:
                outcome = _struck(seed, name, bench, root, scratch, cluster, draw)
            if NOT_UP not in outcome.said:  # on a busy machine Ray may not come up: then there was no trial
                break
            shutil.rmtree(root, ignore_errors=True)
        return outcome
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(scratch, ignore_errors=True)


def _struck(
    seed: int, name: str, bench: Bench, root: Path, scratch: Path, cluster: Cluster | None, draw: random.Random
) -> Outcome:
    kind = KINDS[name]
    environment = {**bench.environment, "TMPDIR": str(scratch), "RAY_TMPDIR": str(scratch)}
    environment["RAY_worker_niceness"] = "0"  # other work on the machine would stop workers that are nice
    if kind.own_server:
        environment["PREFECT_HOME"] = str(scratch / "prefect")
    elif not kind.here:
        environment["PREFECT_API_URL"] = bench.api
    if cluster is not None:
        environment |= cluster.environment
    # what a process has read of its environment when it imported Prefect and Ray is what it has
    command = CommandLine(environment) if kind.own_server or kind.cluster else bench.forked.in_an(environment)
    arguments = ["run", bench.study, "--root", str(root), *(("--here",) if kind.here else ("--workers", "2"))]
    wanted = draw.randrange(len(receipts(bench.oracle)) - 2)
    process = command.start(*arguments)
    underway = Underway(command, arguments, process, root, scratch, draw, [] if cluster is None else cluster.others)
    family: list[psutil.Process] = []
    try:
        until = time.monotonic() + 600
        while time.monotonic() < until and process.poll() is None and (len(receipts(root)) < wanted or not wanted):
            time.sleep(0.05)
            if not wanted and root.exists():  # at the very beginning
                break
        time.sleep(draw.uniform(0, 0.3))
        family = descendants(process.pid)
        done, began = len(receipts(root)), time.monotonic()
        if process.poll() is None and (root / layout.RECEIPTS).is_dir():
            kind.strike(underway)
        hung = False
        try:
            _, err = process.communicate(timeout=ENDED_SECONDS * crowd())
        except subprocess.TimeoutExpired:
            hung, err = True, ""
        seconds = round(time.monotonic() - began, 1)
    finally:
        end(process)
    left = 0 if hung else _left(family)
    _undo(kind, root)
    wrong, lost, more = _finished(bench, root)
    said = underway.said or (f"files too many: {', '.join(more[:3])}" if more else "")
    if process.returncode not in (0, *kind.ends) and not hung:
        said = said or f"it ended with {process.returncode}: {err[-300:]!r}"
    if "Traceback" in err:
        said = said or f"a traceback: {err[-300:]!r}"
    return Outcome(seed, name, done, process.returncode, seconds, lost, len(more), wrong, hung, left, said)


def crowd() -> float:
    """Return how many processes want each core of the machine, which waiting for a run takes into account."""
    return min(max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)), MOST_CROWD)


def _left(family: list[psutil.Process]) -> int:
    until = time.monotonic() + LEFT_SECONDS * crowd()
    while time.monotonic() < until and any(is_alive(each) for each in family):
        time.sleep(0.2)
    found = [each for each in family if is_alive(each)]
    for each in found:
        each.kill()
    return len(found)


def _finished(bench: Bench, root: Path) -> tuple[str, int, list[str]]:
    """Finish the study; return what is wrong then, how many shards were made again, and the files too many."""
    before = receipts(root)
    process = bench.forked.in_an(bench.environment).start("run", bench.study, "--root", str(root), "--here", "--json")
    try:
        out, err = process.communicate(timeout=600)
    finally:
        end(process)
    if process.returncode != 0:
        return f"the next run ended with {process.returncode}: {err[-300:]!r}", 0, []
    ran = {layout.receipt(key, shard) for key, shards in json.loads(out)["ran"].items() for shard in shards}
    found, wrong = verify(workspace_of(root)), ""
    if found.damaged or found.missing:
        wrong = f"verify: {found.damaged[:1]} {found.missing[:1]}"
    try:
        assert_same_content(root, bench.oracle)
    except AssertionError as error:
        wrong = wrong or str(error)[:300]
    there, oracle = (
        {
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and path.name != layout.LOCK
        }
        for folder in (root, bench.oracle)
    )
    return wrong, len(ran & before), sorted(there - oracle)


@contextmanager
def _disk(folder: Path, kind: Kind, bench: Bench, draw: random.Random) -> Iterator[Path]:
    """Give where the root is to be: for a full disk, on a file system that holds a part of the study."""
    root = folder / "root"
    if not kind.disk:
        yield root
        return
    size = sum(path.stat().st_blocks * 512 for path in bench.oracle.rglob("*") if path.is_file())
    small = folder / "disk"
    small.mkdir()
    size = int(size * draw.uniform(0.1, 0.9))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", small], check=True)
    try:
        yield small / "root"
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def _undo(kind: Kind, root: Path) -> None:
    """Make room, and let the store be written again."""
    if kind.disk:
        subprocess.run(["mount", "-o", "remount,size=1g", root.parent], check=True)
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for folder in mounted:
        if folder.startswith(f"{root}/"):
            subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def _cluster(kind: Kind, bench: Bench, scratch: Path) -> Iterator[Cluster | None]:
    if not kind.cluster:
        yield None
        return
    cluster = Cluster(bench.environment, scratch)
    try:
        yield cluster
    finally:
        cluster.end()


def done_before(results: Path) -> list[Outcome]:
    """Return the outcomes of a campaign that lie in a file, a line each."""
    if not results.is_file():
        return []
    return [Outcome(**json.loads(line)) for line in results.read_text().splitlines()]


def keep(outcome: Outcome, results: Path) -> None:
    """Add an outcome to the file."""
    with results.open("a") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as a table of Markdown, a row a kind."""
    rows = ["| kind | trials | recovered | lost | double | wrong | hung | left |", "|---|---|---|---|---|---|---|---|"]
    for name in [*KINDS, "all"]:
        of = [each for each in outcomes if name in (each.kind, "all")]
        counted: Counter[str] = Counter()
        for each in of:
            counted.update(
                recovered=int(each.recovered),
                lost=each.lost,
                double=each.double,
                wrong=int(bool(each.wrong)),
                hung=int(each.hung),
                left=each.left,
            )
        if of:
            columns = (counted[what] for what in ("recovered", "lost", "double", "wrong", "hung", "left"))
            rows.append(f"| {name} | {len(of)} | {' | '.join(map(str, columns))} |")
    return "\n".join(rows)
