"""Data and given weights for machines without a network: the command data fetch."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from blindspots.study.part import is_address
from blindspots.study.study import Study
from flows.options import Changes, Data, StudyName, written
from flows.printing import cannot_write, check_output_folder

commands = typer.Typer()
data_commands = typer.Typer(no_args_is_help=True, help="Data sets and given weights, fetched ahead.")
commands.add_typer(data_commands, name="data")


@data_commands.command(
    epilog="""[bold]Examples[/bold]

blindspots data fetch --to bundle

blindspots data fetch my-study.yaml --to bundle

On the other machine: BLINDSPOTS_CACHE=bundle blindspots run my-study.yaml"""
)
def fetch(
    to: Annotated[Path, written("--to", help="Folder to fill.")],
    study: StudyName = "quick",
    changes: Changes = None,
    data: Data = None,
) -> None:
    """Put a study's data set, and the weights that it names by address, into a folder for a machine without a network.

    There the folder is named in BLINDSPOTS_CACHE. Files are verified by their SHA-256.
    """
    from blindspots.study.file import load_study

    wanted = load_study(study, changes)
    check_output_folder(to)
    from blindspots.datasets.archive import ARCHIVES
    from blindspots.datasets.sources import fetch as fetch_files
    from blindspots.files import write_out

    try:
        if wanted.dataset in ARCHIVES:
            for name, content in fetch_files(ARCHIVES[wanted.dataset], data).items():
                path = to / wanted.dataset / name
                write_out(path, content)
                typer.echo(str(path))
        else:
            typer.echo(f"{wanted.dataset} is your own: copy it, and name it there", err=True)
        for address, sha256 in _addresses(wanted):
            from blindspots.models.fetching import fetch_weights  # it takes torch's seconds

            came = fetch_weights(address, sha256)
            path = to / "weights" / came.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (path.exists() and path.samefile(came)):  # the folder to fill may be the cache itself
                shutil.copyfile(came, path)
            typer.echo(str(path))
    except OSError as error:
        raise cannot_write(to, error) from None


def _addresses(study: Study) -> list[tuple[str, str]]:
    """Return the addresses on the web of the weights that a study is given, with what is known of their SHA-256."""
    given = [(spec.given.weights, spec.given.sha256) for spec in study.models if spec.given is not None]
    if study.detector is not None:
        given += [(each.weights, each.sha256) for each in study.detector.extractors]
    if study.bounds.fetched:
        from blindspots.models.given import given_alexnet

        alexnet = given_alexnet(study.bounds)
        given.append((alexnet.weights, alexnet.sha256))
    return list(dict.fromkeys(each for each in given if is_address(each[0])))
