"""What the command line prints or writes: for people, or as JSON for machines."""

import errno
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from blindspots.errors import InputError
from blindspots.files import takes_what_comes, write_out
from blindspots.store import layout

if TYPE_CHECKING:
    from blindspots.jobs.plan import Plan
    from blindspots.jobs.workspace import Workspace


_MOST_DIGITS = 9
"""Of a size: more elements than that have no room anywhere, and text of thousands of digits is no int to Python."""

_LONGEST_NAME = 255
"""Bytes that the name of a file has on most file systems; one that takes fewer says so itself."""
_OF_A_STORE = {
    *(layout.STUDY, layout.LOCK, layout.COPYING, layout.RECEIPTS_PACK),
    *(layout.RECEIPTS, layout.MODELS, layout.ZARR, layout.BESIDE),
}
"""What lies in a root and is no page or figure, which are written anew at will."""


def print_plan(workspace: "Workspace", plan: "Plan", as_json: bool) -> None:
    """Print what of a study is done and what is to do, stage by stage."""
    from blindspots.jobs.stage import STAGES

    stages: dict[str, dict[str, Any]] = {}
    for stage in STAGES:
        jobs = plan.stage(stage)
        stages[stage] = {
            "jobs": len(jobs),
            "done": sum(plan.is_done(job) for job in jobs),
            "to_do": {job.key: list(plan.to_do[job.key]) for job in jobs if job.key in plan.to_do},
            "waiting": [job.key for job in jobs if job.key in plan.waiting],
        }
    if as_json:
        print_json({"study": workspace.study.name, "root": str(workspace.place), "stages": stages})
        return
    typer.echo(f"study {workspace.study.name} in {workspace.place}")
    typer.echo(f"{'stage':10} {'jobs':>5} {'done':>5} {'to do':>6} {'waiting':>8}  shards to do")
    for name, counts in stages.items():
        to_do, waiting = counts["to_do"], counts["waiting"]
        shards = sum(map(len, to_do.values()))
        line = f"{name:10} {counts['jobs']:5} {counts['done']:5} {len(to_do):6} {len(waiting):8}  {shards}"
        typer.echo(line.rstrip())
    if plan.complete:
        typer.echo("Everything is done.")
    elif plan.waiting:
        typer.echo("Jobs that wait read what is yet to be made; where that comes out as before, they are done.")


def print_outcome(root: str, outcome: dict[str, Any], as_json: bool) -> None:
    """Print what a finished run did, how far it agrees with the paper, and how to see all of it."""
    from blindspots.report.closing_words import closing_words
    from blindspots.results import Results
    from blindspots.tables import drawn_for, read_table, render

    with Results(root) as results:
        drawn = {name: read_table(name, results) for name in drawn_for(results.study)}
        study = results.study
    if as_json:
        print_json({**outcome, "tables": {name: json.loads(render(each, "json")) for name, each in drawn.items()}})
        return
    if outcome["jobs"]:
        done = f"{outcome['jobs']} jobs ({outcome['shards']} shards) in {outcome['seconds']:.0f} s"
        typer.echo(f"{done}; the store is {outcome['root']}")
    else:
        typer.echo(f"Nothing to do: all of it was done before; the store is {outcome['root']}")
    typer.echo("\n" + closing_words(study, drawn, root, width=min(terminal_width() or 80, 120)))


def terminal_width() -> int | None:
    """Return how many characters a line of the terminal has; None where stdout is none and COLUMNS does not say."""
    if not (sys.stdout and sys.stdout.isatty()) and not os.environ.get("COLUMNS", "").isdecimal():
        return None
    return max(shutil.get_terminal_size().columns, 40)


def show_any_name() -> None:
    """Have what stdout cannot show, such as a name of a file that is no text, be shown as its code, and not fail."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def prints_aside() -> AbstractContextManager[Any]:
    """Have whatever is printed while a block runs go to stderr: by Ray, and by the code of a network of the user's."""
    return redirect_stdout(sys.stderr)


def print_json(content: Any) -> None:
    """Print ``content`` as JSON."""
    typer.echo(json.dumps(content, indent=1, allow_nan=False))


def print_or_write(text: str, path: Path | None) -> None:
    """Print ``text``, or write it to ``path``; raise :class:`InputError` where that is not possible."""
    if path is None:
        typer.echo(text)
        return
    try:
        write_out(path, (text.rstrip("\n") + "\n").encode())
    except OSError as error:
        raise cannot_write(path, error) from None


def parsed_shape(text: str | None) -> tuple[int, ...] | None:
    """Return the sizes in ``3,224,224`` or ``3x224x224``; raise :class:`InputError` for anything else."""
    if text is None:
        return None
    sizes = [size.strip() for size in text.replace("x", ",").split(",")]
    if not all(size.isdecimal() and len(size) <= _MOST_DIGITS and int(size) > 0 for size in sizes):
        raise InputError(
            f"--input-shape {text[:60]!r}: sizes of at least 1 are wanted, such as 3,224,224, and of "
            f"{_MOST_DIGITS} digits at most"
        )
    return tuple(int(size) for size in sizes)


def named_output(text: str) -> Path:
    """Return the path of an option that names a file to write; an empty one would be the folder that one is in."""
    if not text:
        raise typer.BadParameter("it is empty; name a file")
    return Path(text)


def check_output(path: Path) -> None:
    """Raise :class:`InputError` where no file can be written to ``path``, whose folder need not be there yet.

    Nor may it be one of those that are the store's own, of whatever root.
    """
    with _refused(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if takes_what_comes(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is neither a file nor a pipe")
        real = Path(os.path.realpath(path))
        _check_written(real, real.parents)


def check_output_folder(path: Path) -> None:
    """Raise :class:`InputError` where no files can be written into the folder ``path``, which need not be there yet."""
    with _refused(path):
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is a file; name a folder")
        real = Path(os.path.realpath(path))
        _check_written(real, (real, *real.parents))


def _check_written(path: Path, folders: Sequence[Path]) -> None:
    """Raise ``OSError`` where the first of ``folders`` that is there cannot be written, or ``path`` is a store's."""
    there = next(folder for folder in folders if folder.exists())
    with tempfile.TemporaryFile(dir=there):  # one without a name, so that none is left behind
        pass
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in path.parts):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    for folder in path.parents:
        if path.relative_to(folder).parts[0] in _OF_A_STORE and _holds_a_store(folder):
            raise OSError(errno.EPERM, f"it is one of the files of the store in {folder}")


def _holds_a_store(folder: Path) -> bool:
    return sum((folder / key).exists() for key in (layout.STUDY, layout.RECEIPTS, layout.ZARR)) > 1


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Have what the system says of a path, while a block runs, be said in one line."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path | str, error: OSError) -> InputError:
    """Return what to say where the system refuses to write ``path``."""
    return InputError(f"{path} cannot be written: {error.strerror or error}")
