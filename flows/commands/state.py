"""What a root holds and whether it is whole: the commands status and verify."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from flows.options import ROOT, Data, Json, Networks, Root
from flows.printing import print_json, print_plan
from flows.requirements import require_study

commands = typer.Typer()


@commands.command(epilog="[bold]Example[/bold]\n\nblindspots status --root mnist --json")
def status(root: Root = ROOT, data: Data = None, networks: Networks = None, as_json: Json = False) -> None:
    """Say what of the study in a root is done."""
    require_study(root)
    from blindspots.jobs.opening import workspace_of
    from blindspots.jobs.plan import make_plan

    workspace = workspace_of(root, data=data, networks=networks or None)
    print_plan(workspace, make_plan(workspace), as_json)


@commands.command(epilog="[bold]Example[/bold]\n\nblindspots verify --root mnist")
def verify(
    root: Root = ROOT,
    data: Data = None,
    networks: Networks = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Drop what is damaged, so that the next run makes it anew.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read everything back and hold it against its receipts; exit with 1 where something is damaged."""
    from dataclasses import asdict

    require_study(root)
    from blindspots.jobs import verification
    from blindspots.jobs.opening import working, workspace_of

    workspace = workspace_of(root, data=data, networks=networks or None)
    found = verification.verify(workspace)
    if repair and found.damaged:
        with working(workspace, of_last_run=True):
            verification.repair(workspace, found)
    if as_json:
        print_json(asdict(found))
    else:
        for finding in found.damaged:
            typer.echo(f"damaged: {finding}")
        for library, versions in found.versions.items():
            mixture = ", ".join(f"{count} shards by {version}" for version, count in sorted(versions.items()))
            typer.echo(f"mixed versions: {library}: {mixture}")
        if found.others:
            typer.echo(f"also held, of studies before: {', '.join(_folders(found.others))}")
        typer.echo(f"{found.intact} shards intact, {len(found.damaged)} damaged, {found.missing} not done yet")
        if found.damaged:
            what = (
                "The next run makes them"
                if repair
                else "blindspots verify --repair drops them, and the next run makes them"
            )
            typer.echo(f"{what} anew.", err=True)
    if found.damaged:
        raise typer.Exit(1)


def _folders(keys: Sequence[str]) -> list[str]:
    """Return how many jobs there are of each stage's folder and what is right below it, such as a model."""
    counts = Counter("/".join(key.split("/")[:2]) for key in keys)
    return [f"{folder} ({count})" if count > 1 else folder for folder, count in sorted(counts.items())]
