"""The studies that come with the package: the command studies."""

from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from blindspots.errors import InputError
from flows.options import Changes, Json
from flows.printing import print_json, terminal_width

if TYPE_CHECKING:
    from blindspots.study.study import Study

commands = typer.Typer()

_MOST = 3
"""Models of a study that a list of studies names."""
_INDENT = " " * 11


@commands.command(
    epilog="""[bold]Examples[/bold]

blindspots studies

blindspots studies quick --yaml > mine.yaml

blindspots studies mnist --set seeds=3 --json"""
)
def studies(
    study: Annotated[
        str | None,
        typer.Argument(
            help="A built-in study, or the path of a YAML file; all built-in ones otherwise.", metavar="[STUDY]"
        ),
    ] = None,
    changes: Changes = None,
    as_yaml: Annotated[
        bool,
        typer.Option(
            "--yaml",
            help="Print the study as a YAML file to change and run: the fields that are not the default.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the built-in studies, or tell of one; --yaml prints it to be changed and run, --json with every field."""
    from blindspots.study.built_in import BUILT_IN
    from blindspots.study.file import as_yaml as written
    from blindspots.study.file import load_study

    if as_yaml and as_json:
        raise InputError("--yaml and --json: name one of the two")
    if study is None:
        if as_yaml or changes:
            raise InputError(f"name the study, such as {next(iter(BUILT_IN))}; there are {', '.join(BUILT_IN)}")
        if as_json:
            print_json({name: each.model_dump(mode="json") for name, (each, _) in BUILT_IN.items()})
            return
        for name, (each, summary) in BUILT_IN.items():
            typer.echo(_entry(name, summary, each, most=_MOST))
        typer.echo("\nAll models of one: blindspots studies quick")
        typer.echo("A file to change and run: blindspots studies quick --yaml > mine.yaml")
        return
    wanted = load_study(study, changes)
    if as_yaml:
        typer.echo(written(wanted), nl=False)
    elif as_json:
        print_json(wanted.model_dump(mode="json"))
    else:
        summary = BUILT_IN[study][1] if study in BUILT_IN else f"a study of {wanted.dataset}"
        typer.echo(_entry(wanted.name, summary, wanted, most=None))


def _entry(name: str, summary: str, study: "Study", *, most: int | None) -> str:
    """Return a study's name, what it is for and its models, ``most`` of them, in lines that the terminal takes."""
    models = [spec.name for spec in study.models]
    more = 0 if most is None else len(models) - most
    listed = ", ".join(models[:most]) + (f" and {more} more" if more > 0 else "")
    number = f"{len(models)} model{'s' * (len(models) != 1)}"
    width = terminal_width() or 80
    return "\n".join(
        fill(text, width, initial_indent=start, subsequent_indent=_INDENT, break_on_hyphens=False)
        for start, text in ((f"{name:10} ", summary), (_INDENT, f"{number}: {listed}"))
    )
