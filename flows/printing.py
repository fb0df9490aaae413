"""What the command line prints: for people, or as JSON for machines."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from blindspots.errors import InputError

if TYPE_CHECKING:
    from blindspots.jobs.plan import Plan
    from blindspots.jobs.workspace import Workspace


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
    """Print the first table of a finished run, how far each agrees with the paper, and what the run did."""
    from blindspots.results import Results
    from blindspots.tables import TABLES, drawn_for, read_table, render
    from blindspots.tables.verdict import agreements, counted

    with Results(root) as results:
        drawn = {name: read_table(name, results) for name in drawn_for(results.study)}
    if as_json:
        print_json({**outcome, "tables": {name: json.loads(render(each, "json")) for name, each in drawn.items()}})
        return
    first, *rest = drawn
    typer.echo(render(drawn[first], "text") + "\n")
    for name in rest:
        agrees = f" Agreement with the paper: {counted(agreements(drawn[name])[0])}." if TABLES[name].compared else ""
        typer.echo(f"Table {name}: {drawn[name].attrs['title']}.{agrees}")
    typer.echo(
        f"Each of them: blindspots table {first} --root {root}; all on one page: blindspots report --root {root}\n"
    )
    if outcome["jobs"]:
        done = f"{outcome['jobs']} jobs ({outcome['shards']} shards) in {outcome['seconds']:.0f} s"
        typer.echo(f"{done}; the store is {outcome['root']}")
    else:
        typer.echo(f"Nothing to do: all of it was done before; the store is {outcome['root']}")


def print_json(content: Any) -> None:
    """Print ``content`` as JSON."""
    typer.echo(json.dumps(content, indent=1, allow_nan=False))


def print_or_write(text: str, path: Path | None) -> None:
    """Print ``text``, or write it to ``path``; raise :class:`InputError` where that is not possible."""
    if path is None:
        typer.echo(text)
        return
    from blindspots.files import write_whole

    try:
        write_whole(path, (text.rstrip("\n") + "\n").encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None


def parsed_shape(text: str | None) -> tuple[int, ...] | None:
    """Return the sizes in ``3,224,224`` or ``3x224x224``; raise :class:`InputError` for anything else."""
    if text is None:
        return None
    sizes = text.replace("x", ",").split(",")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise InputError(f"--input-shape {text!r}: sizes of at least 1 are wanted, such as 3,224,224")
    return tuple(int(size) for size in sizes)
