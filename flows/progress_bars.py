"""Progress on stderr: in a terminal a bar for the whole with the time left, and one a stage; elsewhere lines."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars
from rich.progress_bar import ProgressBar
from rich.text import Text

from blindspots.jobs.job import Progress, Report
from blindspots.jobs.plan import Plan
from blindspots.jobs.workspace import Workspace
from flows.operating.estimate import Estimate, duration
from flows.operating.tally import Tally

_BAR = 14
_BESIDE = 80  # columns that all but the line take
_EVERY = 30.0  # seconds between two lines where there are no bars
_TOLD = 1.0  # seconds of work before a rate is told
_RECKONED = 2.0  # seconds between two looks at how long the rest takes
_WHOLE = "whole"


class _Bar(BarColumn):
    """How much of it is done; what waits for its turn stands still."""

    def render(self, task: Task) -> ProgressBar:
        bar = super().render(task)
        bar.pulse = task.total is None
        return bar


class _Spinner(SpinnerColumn):
    """Turns beside what is at work."""

    def render(self, task: Task) -> RenderableType:
        return super().render(task) if task.started else Text(" ")


class _Rate(ProgressColumn):
    """Units a second, of what is counted in units."""

    def render(self, task: Task) -> Text:
        moved, seconds = task.fields.get("moved", 0), task.finished_time or task.elapsed or 0
        speed = moved / seconds if seconds >= _TOLD else 0
        return Text(f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.2f}/s" if speed else "", style="dim")


class _Elapsed(TimeElapsedColumn):
    """The time since the work began, once it has."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.started else Text("")


class _Left(ProgressColumn):
    """When the whole will be over: of the whole alone, and once that can be told."""

    def render(self, task: Task) -> Text:
        ends = task.fields.get("ends")
        if ends is None or task.finished:
            return Text("")
        left = max(int(ends - time.monotonic()), 0)
        return Text(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left", style="cyan")


class _Ends:
    """When a run will be over, reckoned anew now and then: a large study has thousands of jobs."""

    def __init__(self, estimate: Estimate) -> None:
        self._estimate, self._reckoned = estimate, float("-inf")
        self.percent = estimate.percent()
        self.left: float | None = None

    def look(self) -> bool:
        """Reckon, if it is time, and tell whether it was."""
        now = time.monotonic()
        if now - self._reckoned < _RECKONED:
            return False
        self._reckoned = now
        self.percent, self.left = self._estimate.percent(), self._estimate.seconds_left()
        return True

    @property
    def ends(self) -> float | None:
        """A reading of :func:`time.monotonic`, or None where too little is known."""
        return None if self.left is None else self._reckoned + self.left


def _cut(line: str, width: int) -> str:
    """Return as much of ``line`` as stands beside the bars: nothing at 80 columns."""
    room = width - _BESIDE
    return line if len(line) <= room else f"{line[: room - 1]}…" if room > 10 else ""


def say_what_begins(workspace: Workspace, *, first: str = "") -> None:
    """Say what is begun, and what comes ``first`` of which nothing else is seen."""
    study = workspace.study
    models = f"{len(study.models)} model{'s' * (len(study.models) != 1)}"
    begun = f"study {study.name}: {models} of {study.dataset}, in {workspace.place}"
    sys.stderr.write("; ".join(filter(None, [begun, first])) + "\n")
    sys.stderr.flush()


class _Lines:
    """Progress where no bar can be drawn, as in a batch system's log: a line in half a minute, and at a stage's end."""

    def __init__(self) -> None:
        self._began = self._said = time.monotonic()

    def told(self, what: str, counted: tuple[int, int, str], left: float | None = None) -> None:
        """Say where a stage is, and how long the ``left`` of the run takes, if it is time."""
        done, total, unit = counted
        now = time.monotonic()
        if done == total or now - self._said >= _EVERY:
            self._said = now
            minutes, seconds = divmod(int(now - self._began), 60)
            rest = "" if left is None else f"; about {duration(left)} left of the whole"
            sys.stderr.write(f"[{minutes:02}:{seconds:02}] {what}: {done:,} of {total:,} {unit}{rest}\n")
            sys.stderr.flush()


def _said(counted: tuple[int, int, str]) -> str:
    """Return what is counted as it stands beside a bar."""
    done, total, unit = counted
    return f"{done:,}/{total:,} {unit}"


def _bars(console: Console) -> Bars:
    return Bars(
        _Spinner(),
        TextColumn("{task.description:9}"),
        _Bar(bar_width=_BAR),
        TextColumn("{task.fields[said]}"),
        _Rate(),
        _Elapsed(),
        _Left(),
        TextColumn("{task.fields[line]}", style="dim"),
        console=console,
        disable=not console.is_terminal,
        transient=False,
    )


@contextmanager
def counting(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show one bar, or lines, of what a block does; yields what is told how many are done, of how many."""
    console = Console(stderr=True)
    bars, lines = _bars(console), _Lines()
    task = bars.add_task(what, total=None, said="", line="")

    def tell(done: int, total: int) -> None:
        bars.update(task, completed=done, total=total, moved=done, said=_said((done, total, unit)))
        if not console.is_terminal:
            lines.told(what, (done, total, unit))

    with bars:
        yield tell


@contextmanager
def progress_bars(workspace: Workspace, plan: Plan, *, workers: int = 1) -> Iterator[Report]:
    """Show a bar for the whole of ``plan`` and one for each stage with jobs on stderr while the block runs.

    ``workers``: how many work at once. Lines where that is no terminal. Yields the observer that moves them.
    """
    console = Console(stderr=True)
    bars = _bars(console)
    estimate = Estimate(Tally(workspace, plan), workers=workers)
    ends = _Ends(estimate)
    whole = bars.add_task(_WHOLE, total=100, completed=int(ends.percent), said=f"{int(ends.percent)}%", line="")
    stages: dict[str, TaskID] = {
        name: bars.add_task(
            name,
            start=False,
            total=100,
            completed=int(100 * estimate.share(name)),
            said=_said(estimate.tally.counted(name)),
            line="",
        )
        for name, stage in estimate.tally.stages.items()
        if stage.keys
    }

    def observe(progress: Progress) -> None:
        stage = estimate.note(progress)
        task, counted = stages[progress.stage], estimate.tally.counted(progress.stage)
        name = progress.job.partition("/")[2]
        line = f"{name}: {progress.message}" if progress.message else name
        if not bars.tasks[task].started:  # it began before it was told of for the first time
            bars.start_task(task)
            bars.tasks[task].start_time = bars.get_time() - estimate.worked(progress.stage)
        moved = 0 if stage.counted_as else stage.moved
        bars.update(task, said=_said(counted), moved=moved, line=_cut(line, console.width))
        if ends.look() or counted[0] == counted[1]:
            bars.update(task, completed=100 * estimate.share(progress.stage))
        bars.update(whole, completed=int(ends.percent), said=f"{int(ends.percent)}%", ends=ends.ends)
        if not console.is_terminal:
            lines.told(progress.stage, counted, ends.left)

    lines = _Lines()
    with bars:
        yield observe
        bars.update(whole, completed=100, said="100%")
