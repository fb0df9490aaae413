"""The images of a study, one or many: the commands show and export."""

from contextlib import nullcontext
from pathlib import Path
from textwrap import fill, indent
from typing import Annotated

import typer

from blindspots.errors import InputError
from flows.options import ROOT, Data, Json, Root, written
from flows.printing import cannot_write, check_output, check_output_folder, print_or_write, terminal_width
from flows.requirements import require_study

commands = typer.Typer()

Split = Annotated[str | None, typer.Option(help="Of the sets: train or test.")]
Rule = Annotated[str | None, typer.Option(help="Of the sets; nearest where there is one.")]
Seed = Annotated[int, typer.Option(help="Of the models.")]


@commands.command(
    epilog="[bold]Examples[/bold]\n\nblindspots show 35432 --root mnist\n\nblindspots show 7 -o seven.pdf"
)
def show(
    image: Annotated[int, typer.Argument(help="Place of the image in its split, as answers and sets have it.")],
    root: Root = ROOT,
    split: Split = None,
    rule: Rule = None,
    seed: Seed = 0,
    output: Annotated[
        Path | None,
        written("--output", "-o", help="Draw into this .png or .pdf file; in the root otherwise."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show one image: how far it was moved for each model, who misreads it then and as what, and a picture of it."""
    require_study(root)
    from blindspots.figures.saving import check_file

    if output is not None:
        check_file(output)
        check_output(output)
    from blindspots.results import Results
    from blindspots.results.one_image import image_table, one_image
    from blindspots.store import layout
    from blindspots.tables.answers import render_answer

    with Results(root, data=data) as results:
        found = one_image(results, image, split=split, rule=rule, seed=seed)
        place, names = results.place, results.dataset.class_names
    key = layout.figure(f"image-{found.split}-{image}", ".png")
    answer, width = image_table(found), terminal_width()
    if as_json:
        print_or_write(render_answer(answer, "json"), None)
    else:
        print_or_write(render_answer(answer.drop_vars("misread_by"), "text", width=width), None)
        typer.echo("\nMoved for each of them, it is misread by")
        for model, who in zip(answer["model"].values, answer["misread_by"].values, strict=True):
            lines = fill(f"{model}: {who}", (width or 10_000) - 2, subsequent_indent="  ", break_on_hyphens=False)
            typer.echo(indent(lines, "  "))
        typer.echo()
    from blindspots.figures.adversarial.one_image import draw_image
    from blindspots.figures.saving import save_figure

    where = place.path(key) if output is None else str(output)
    try:
        with place.written_file(key) if output is None else nullcontext(output) as path:
            save_figure(draw_image(found, names), path)
    except OSError as error:
        raise InputError(f"{where} cannot be written: {error.strerror or error}; name a file with -o") from None
    typer.echo(where, err=as_json)


@commands.command(
    epilog="""[bold]Examples[/bold]

blindspots export fc100-100-10 -o set.npz

blindspots export fc10-1e-4 --rule random --limit 100 -o previews

blindspots export noise-0.3 -o noise.parquet"""
)
def export(
    name: Annotated[str, typer.Argument(help="Whose set: a model, or noise-0.1 and the like.", metavar="SET")],
    output: Annotated[
        Path,
        written(
            "--output",
            "-o",
            help=".npz: originals, distorted images and columns; .parquet or .csv: columns; else a folder for PNG "
            "previews, which are rounded to 8 bits.",
        ),
    ],
    root: Root = ROOT,
    split: Split = None,
    rule: Rule = None,
    seed: Seed = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Most images; 1000 otherwise where there are pixels, and else all.")
    ] = None,
    data: Data = None,
) -> None:
    """Write a stored set to files for other programs."""
    require_study(root)
    from blindspots.results.exporting import PREVIEWS, check_kind, exported_files

    check_kind(output.suffix)
    (check_output_folder if output.suffix == PREVIEWS else check_output)(output)
    from blindspots.files import write_out
    from blindspots.results import Results
    from blindspots.results.queries.choice import Choice, chosen_sets

    written = 0
    with Results(root, data=data) as results:
        (found,) = chosen_sets(results.study, Choice(models=(name,), split=split, rule=rule, seed=seed))
        if not found.group:
            raise InputError(f"{name} is no set: these are the images of the data set itself")
        try:
            for below, content in exported_files(results, found, output.suffix, limit=limit):
                write_out(output / below if below else output, content)
                written += 1
        except OSError as error:
            raise cannot_write(output, error) from None
    typer.echo(f"{output}: {written} previews" if output.suffix == PREVIEWS else str(output))
