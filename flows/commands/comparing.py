"""Studies side by side: the commands diff and readings."""

import json
from contextlib import ExitStack
from typing import Annotated

import typer

from blindspots.errors import InputError
from flows.options import Json
from flows.printing import terminal_width
from flows.requirements import require_study

commands = typer.Typer()


@commands.command(epilog="[bold]Example[/bold]\n\nblindspots diff mnist mnist-again --limit 5")
def diff(
    first: Annotated[str, typer.Argument(help="Folder of a store.", metavar="ROOT")],
    second: Annotated[str, typer.Argument(help="Folder of another.", metavar="ROOT")],
    limit: Annotated[int, typer.Option(min=1, help="Most lines of transfer, the largest differences first.")] = 20,
    as_json: Json = False,
) -> None:
    """Hold two studies side by side: their fields, errors, least distortions and transfer, with 95% intervals."""
    for root in (first, second):
        require_study(root)
    from blindspots.results import Results
    from blindspots.results.comparison import changed_fields, distortion_differences, rate_differences
    from blindspots.tables.answers import render_answer

    with Results(first) as one, Results(second) as other:
        fields = changed_fields(one.study, other.study)
        answers = [
            rate_differences(one, other, clean=True),
            distortion_differences(one, other),
            rate_differences(one, other, clean=False, limit=limit),
        ]
    if as_json:
        content = {each.attrs["question"].split()[1]: json.loads(render_answer(each, "json")) for each in answers}
        typer.echo(json.dumps({"fields": [list(field) for field in fields], **content}, indent=1))
        return
    typer.echo(f"first: {first}; second: {second}")
    typer.echo(
        "\n".join(f"{name}: {left or '-'} | {right or '-'}" for name, left, right in fields) or "no field differs"
    )
    for each in answers:
        said = render_answer(each, "text", width=terminal_width()) if each.sizes["image"] else "nothing in common"
        typer.echo(f"\n{said}")


@commands.command(epilog="[bold]Example[/bold]\n\nblindspots readings paper paper-with-biases")
def readings(
    roots: Annotated[list[str], typer.Argument(help="Folders of two stores or more.", metavar="ROOT ROOT...")],
    as_json: Json = False,
) -> None:
    """Hold readings of the paper side by side: how many of its cells each explains, kind by kind.

    Of studies with eight trainings a network or more, as the study paper is; the others are held against the first.
    """
    if len(roots) < 2:
        raise InputError(f"readings takes two stores or more, and got {', '.join(roots)} alone")
    if len(set(roots)) < len(roots):
        raise InputError(f"a store is named twice: {', '.join(roots)}")
    for root in roots:
        require_study(root)
    from blindspots.results import Results
    from blindspots.tables.answers import render_answer
    from blindspots.tables.repetition.readings import compare_readings, readings_sheet
    from blindspots.tables.sheets.formats import render_sheet

    last = [root.rstrip("/").rpartition("/")[2] for root in roots]
    names = last if len(set(last)) == len(last) else roots
    with ExitStack() as opened:
        studies = {name: opened.enter_context(Results(root)) for name, root in zip(names, roots, strict=True)}
        found = compare_readings(studies)
    if as_json:
        typer.echo(render_answer(found, "json"))
    else:
        typer.echo(render_sheet(readings_sheet(found), "text", width=terminal_width()))
