"""What is done with a root as a whole: ``blindspots root copy``."""

from dataclasses import asdict
from typing import Annotated

import typer

from flows.options import Json
from flows.printing import print_json
from flows.requirements import require_study

commands = typer.Typer(help="Copy a root: a folder, or what lies at an object store's address.", no_args_is_help=True)


@commands.callback()
def _of_a_root() -> None:
    """Have the command be one of several: a single one would take the place of the word ``root``."""


@commands.command(
    epilog="""[bold]Examples[/bold]

blindspots root copy mnist s3://bucket/mnist

blindspots root copy s3://bucket/mnist gs://bucket/mnist"""
)
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The root to copy.", show_default=False)],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO", help="Where to: nothing yet, or what a copy left that was stopped.", show_default=False
        ),
    ],
    as_json: Json = False,
) -> None:
    """Copy a root byte for byte, every file read back and compared; a copy that was stopped goes on.

    Nothing is written where the root is copied from.
    """
    require_study(source)
    from blindspots.store.copying import copy_root
    from blindspots.store.place import Place
    from flows.progress_bars import counting

    with counting("copy", "files") as tell:
        copied = copy_root(Place.at(source), Place.at(target), tell)
    if as_json:
        print_json({"from": str(Place.at(source)), "to": str(Place.at(target)), **asdict(copied)})
    else:
        size = f"{copied.size / 1e6:,.1f} MB"
        typer.echo(
            f"{copied.files} files ({size}) of {source} are in {target}, all compared: {copied.written} written now"
        )
