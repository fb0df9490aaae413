"""Two studies side by side: the command diff."""

import json
from typing import Annotated

import typer

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
