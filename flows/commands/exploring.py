"""A page to look through a study: the command explore."""

from typing import Annotated

import typer

from flows.options import ROOT, Data, Networks
from flows.requirements import require_study

commands = typer.Typer()


@commands.command(
    epilog="[bold]Examples[/bold]\n\nblindspots explore mnist\n\nblindspots explore mnist --port 8401 --no-browser"
)
def explore(
    root: Annotated[str, typer.Argument(help="Folder of the store.", metavar="ROOT")] = ROOT,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 is any that is free.")] = 8400,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Say the address, and open no browser.")] = False,
    data: Data = None,
    networks: Networks = None,
) -> None:
    """Look through a study's images in the browser: sort, filter, see who is fooled by each; until Ctrl-C.

    The page is served to this machine alone, and asks nothing of any other.
    """
    from blindspots.explorer.serving import ADDRESS, application, check_libraries, listening, serve

    check_libraries()
    require_study(root)
    with listening(port) as opened:
        from blindspots.explorer.pages import Explorer
        from blindspots.results import Results

        with Results(root, data=data, networks=networks or None) as results:
            pages = application(Explorer(results))
            address = f"http://{ADDRESS}:{opened.getsockname()[1]}"
            typer.echo(f"{address} shows the study {results.study.name}; Ctrl-C ends it")
            if not no_browser:
                import webbrowser

                if not webbrowser.open(address):
                    typer.echo("no browser was found: open that address in yours", err=True)
            serve(pages, opened)
