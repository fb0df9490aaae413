"""Asking a study's store: the command query."""

from pathlib import Path
from typing import Annotated

import typer

from blindspots.errors import InputError
from blindspots.results.queries.registry import QUESTIONS
from blindspots.tables import check_format
from flows.options import ROOT, Data, Json, Root, written
from flows.printing import cannot_write, check_output, print_or_write, terminal_width
from flows.requirements import require_study

commands = typer.Typer()

_HELP = "One of: " + "; ".join(f"{name}, {entry.title}" for name, entry in QUESTIONS.items()) + "."
_REPEATABLE = "; repeatable."


@commands.command(
    epilog="""[bold]Examples[/bold]

blindspots query fools --root mnist

blindspots query distortions --model fc10-1 --class 4 --quantile 0.5

blindspots query by-class --model fc10-1e-4 --reader fc100-100-10 -o by-class.csv

blindspots query robustness --at 0.02 --at 0.05 -o curve.nc"""
)
def query(
    question: Annotated[str, typer.Argument(help=_HELP, metavar="QUESTION", show_default=False)],
    root: Root = ROOT,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="Whose sets: a model, noise-0.1 or the like, or clean" + _REPEATABLE),
    ] = None,
    readers: Annotated[list[str] | None, typer.Option("--reader", help="A model that reads them" + _REPEATABLE)] = None,
    split: Annotated[str | None, typer.Option(help="Of the sets: train or test.")] = None,
    rule: Annotated[str | None, typer.Option(help="Of the sets; nearest where there is one.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the models; 0 otherwise.")] = None,
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="Of the images, by name or number" + _REPEATABLE)
    ] = None,
    variant: Annotated[str | None, typer.Option(help="How sets are shown: plain, amplified, ...")] = None,
    least: Annotated[int | None, typer.Option(help="How many models an image is to fool; all otherwise.")] = None,
    limit: Annotated[int | None, typer.Option(help="Most images of a set in a list; 10 otherwise.")] = None,
    quantiles: Annotated[list[float] | None, typer.Option("--quantile", help="Between 0 and 1" + _REPEATABLE)] = None,
    at: Annotated[list[float] | None, typer.Option("--at", help="A distortion" + _REPEATABLE)] = None,
    form: Annotated[str, typer.Option("--format", "-f", help="text, markdown, csv, latex or json.")] = "text",
    output: Annotated[
        Path | None,
        written("--output", "-o", help="Write to this file: .txt, .md, .csv, .tex, .json, .parquet or .nc."),
    ] = None,
    data: Data = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="Lines as long as they come, though the terminal is not as wide.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask a finished study: who is fooled by what, how far images are from it, and who agrees; with 95% intervals.

    Answered out of the store alone; sets may be larger than memory.
    """
    QUESTIONS.find(question)
    check_format(form)
    if output is not None and (as_json or form != "text"):
        raise InputError(f"--output {output} says by its suffix what is written: leave --format and --json out")
    require_study(root)
    if output is not None:
        from blindspots.tables.answers import check_suffix

        check_suffix(output.suffix)
        check_output(output)
    from blindspots.results import Results, ask
    from blindspots.tables.answers import answer_file, render_answer

    with Results(root, data=data) as results:
        answer = ask(
            results,
            question,
            models=models,
            readers=readers,
            split=split,
            rule=rule,
            seed=seed,
            classes=classes,
            variant=variant,
            least=least,
            limit=limit,
            quantiles=quantiles,
            at=at,
        )
    if output is None:
        width = None if wide else terminal_width()
        print_or_write(render_answer(answer, "json" if as_json else form, width=width), None)
        return
    from blindspots.files import write_out

    try:
        write_out(output, answer_file(answer, output.suffix))
    except OSError as error:
        raise cannot_write(output, error) from None
