"""Progress on stderr: in a terminal one bar a stage, with rate and time left; elsewhere a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from blindspots.jobs.job import Progress, Report
from blindspots.jobs.plan import Plan
from blindspots.jobs.workspace import Workspace
from flows.operating.tally import Tally

_BAR = 14
_BESIDE = 80  # columns that all but the line take
_EVERY = 30.0  # seconds between two lines where there are no bars


class _Rate(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed and speed >= 10 else f"{speed:.2f}/s" if speed else "", style="dim")


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

    def told(self, task: Task) -> None:
        """Say where a stage is, if it is time."""
        now, ended = time.monotonic(), task.total is not None and task.completed == task.total
        if ended or now - self._said >= _EVERY:
            self._said = now
            minutes, seconds = divmod(int(now - self._began), 60)
            where = f"{task.completed:,.0f} of {task.total:,.0f} {task.fields['unit']}"
            sys.stderr.write(f"[{minutes:02}:{seconds:02}] {task.description}: {where}\n")
            sys.stderr.flush()


def _bars(console: Console) -> Bars:
    return Bars(
        SpinnerColumn(),
        TextColumn("{task.description:9}"),
        BarColumn(bar_width=_BAR),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
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
    task = bars.add_task(what, total=None, unit=unit, line="")

    def tell(done: int, total: int) -> None:
        bars.update(task, completed=done, total=total)
        if not console.is_terminal:
            lines.told(bars.tasks[task])

    with bars:
        yield tell


@contextmanager
def progress_bars(workspace: Workspace, plan: Plan) -> Iterator[Report]:
    """Show a bar for each stage of ``plan`` on stderr while the block runs; lines where that is no terminal.

    Yields the observer that moves them.
    """
    console = Console(stderr=True)
    bars = _bars(console)
    tally = Tally(workspace, plan)
    stages: dict[str, TaskID] = {
        name: bars.add_task(name, total=stage.total, completed=stage.before, unit=stage.unit, line="")
        for name, stage in tally.stages.items()
    }

    def observe(progress: Progress) -> None:
        stage = tally.note(progress)
        name = progress.job.partition("/")[2]
        line = f"{name}: {progress.message}" if progress.message else name
        task = stages[progress.stage]
        bars.update(task, completed=stage.before + stage.moved, line=_cut(line, console.width))
        if not console.is_terminal:
            lines.told(bars.tasks[task])

    lines = _Lines()
    with bars:
        yield observe
