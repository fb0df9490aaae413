"""What is drawn out of a store: the commands table, figure, report and open."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blindspots.errors import InputError
from blindspots.figures import FIGURES
from blindspots.tables import TABLES, check_format
from flows.options import ROOT, Data, Json, Networks, Output, Root, written
from flows.printing import cannot_write, check_output, print_or_write, terminal_width
from flows.requirements import require_study

if TYPE_CHECKING:
    from blindspots.store.place import Place

commands = typer.Typer()


def _named(registry: Mapping[str, Any]) -> str:
    """Return the help of an argument that takes a name of ``registry``."""
    return "One of: " + "; ".join(f"{name}, {entry.title}" for name, entry in registry.items()) + "."


@commands.command(
    epilog="[bold]Examples[/bold]\n\nblindspots table 2\n\nblindspots table 1 --format latex -o table1.tex"
)
def table(
    name: Annotated[str, typer.Argument(help=_named(TABLES), metavar="TABLE", show_default=False)],
    root: Root = ROOT,
    form: Annotated[str, typer.Option("--format", "-f", help="text, markdown, csv, latex or json.")] = "text",
    output: Output = None,
    networks: Networks = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="Lines as long as they come, though the terminal is not as wide.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print one of the paper's tables, ours beside the paper's, and how many cells agree; or one of our own.

    In a terminal the columns that do not fit stand below the others.
    """
    check_format(form)
    if output is not None:
        check_output(output)
    from blindspots.results import Results
    from blindspots.tables import read_table, render

    width = None if wide or output else terminal_width()
    with Results(root, networks=networks or None) as results:
        text = render(read_table(name, results), "json" if as_json else form, width=width)
    print_or_write(text, output)


@commands.command(epilog="[bold]Example[/bold]\n\nblindspots figure 7 -o figure7.pdf")
def figure(
    name: Annotated[str, typer.Argument(help=_named(FIGURES), metavar="FIGURE", show_default=False)],
    root: Root = ROOT,
    output: Annotated[
        list[Path] | None,
        written("--output", "-o", help="Write to this .png or .pdf file; repeatable. Otherwise both, in the root."),
    ] = None,
    data: Data = None,
    networks: Networks = None,
) -> None:
    """Draw one of the paper's figures out of the store."""
    from blindspots.figures.saving import check_file

    for path in output or ():
        check_file(path)
        check_output(path)
    from blindspots.figures import draw_figure, save_figure
    from blindspots.results import Results
    from blindspots.store import layout

    with Results(root, data=data, networks=networks or None) as results:
        drawn = draw_figure(name, results)
        for suffix in () if output else (".png", ".pdf"):
            with _file_of(results.place, layout.figure(name, suffix)) as path:
                save_figure(drawn, path)
    for path in output or ():
        with _file(path):
            save_figure(drawn, path)


@commands.command(epilog="[bold]Examples[/bold]\n\nblindspots report\n\nblindspots report --root mnist -o mnist.html")
def report(root: Root = ROOT, output: Output = None, data: Data = None, networks: Networks = None) -> None:
    """Write one HTML page with all tables, verdicts and figures; it needs no network and no other file."""
    if output is not None:
        check_output(output)
    from blindspots.report import write_report
    from blindspots.results import Results
    from blindspots.store import layout

    with (
        Results(root, data=data, networks=networks or None) as results,
        _file(output) if output else _file_of(results.place, layout.REPORT) as path,
    ):
        write_report(results, path)


@commands.command("open", epilog="[bold]Example[/bold]\n\nblindspots open --root mnist")
def open_report(root: Root = ROOT, data: Data = None, networks: Networks = None) -> None:
    """Open the report in the browser; it is written first where there is none of the last run."""
    import webbrowser

    from blindspots.store import layout
    from blindspots.store.place import Place

    require_study(root)
    place = Place.at(root)
    if not isinstance(place.root, Path):
        raise InputError(f"{place} is no folder; write the report to a file: blindspots report --root {place} -o FILE")
    path = Path(place.path(layout.REPORT))
    written, ran = place.stamp(layout.REPORT), place.stamp(layout.STUDY)
    if written is None or ran is None or written[1] < ran[1]:
        report(root, None, data, networks)
    else:
        typer.echo(str(path))
    if not webbrowser.open(path.as_uri()):
        typer.echo("no browser was found: open that file in yours", err=True)


@contextmanager
def _file(path: Path) -> Iterator[Path]:
    """Have a file of the user's written while a block runs, and say which."""
    with _written(str(path)):
        yield path


@contextmanager
def _file_of(place: "Place", key: str) -> Iterator[Path]:
    """Have a file of the store written while a block runs, wherever that lies, and say which."""
    with _written(place.path(key)), place.written_file(key) as path:
        yield path


@contextmanager
def _written(what: str) -> Iterator[None]:
    """Say what a block has written; raise :class:`InputError` where that is not possible."""
    try:
        yield
    except OSError as error:
        raise cannot_write(what, error) from None
    typer.echo(what)
