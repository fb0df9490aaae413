"""The command line: ``blindspots``. Data goes to stdout, progress and complaints to stderr; exit codes 0, 1, 2, 130."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.exceptions import TyperException

from blindspots.errors import BlindspotsError, InputError
from blindspots.files import is_for_good, is_of_the_system
from blindspots.networks import NETWORKS
from flows.commands import asking, comparing, drawn, exploring, fetching, images, roots, state, studying
from flows.requirements import require_root_and_data, require_workflow
from flows.options import ROOT, Changes, Data, Json, Networks, Output, Root, StudyName, written
from flows.printing import check_output, show_any_name
from flows.printing import parsed_shape, print_json, print_or_write, print_outcome, print_plan, prints_aside

app = typer.Typer(
    name="blindspots",
    help="Blind spots of neural networks: train, search the least distortions, show every set to every model.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version as version_of

        typer.echo(f"blindspots {version_of('blindspots')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


_INTERRUPTED = 130  # what typer makes of Ctrl-C, and what shells expect
_KEPT = "what is done is kept, and the next run goes on from here"


@app.command(
    epilog="""[bold]Examples[/bold]

blindspots run

blindspots run mnist --root mnist --workers 8

blindspots run quick --set models.fc10-1e-4.decay=2e-4 --set sets.examples=500

blindspots run my-study.yaml --dry-run

blindspots run --here --set sets.examples=100"""
)
def run(
    study: StudyName = "quick",
    root: Root = ROOT,
    changes: Changes = None,
    workers: Annotated[int | None, typer.Option(min=1, max=4096, help="Ray actors; one a core otherwise.")] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Kind of device.")] = "auto",
    data: Data = None,
    networks: Networks = None,
    skip_damaged: Annotated[
        bool,
        typer.Option("--skip-damaged", help="Leave out damaged pictures, and files that are none; they are named."),
    ] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Do all of it in this process, with neither Ray nor Prefect.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Json = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show Prefect's log.")] = False,
) -> None:
    """Run a study from data to tables; what the store has already is kept.

    Starts a local Ray and an embedded Prefect server, or uses those that RAY_ADDRESS and PREFECT_API_URL name. Both
    come with the extra [bold]workflow[/bold]; --here does without them.
    """
    if here and workers is not None:
        raise InputError("--workers are Ray's, and --here does without Ray: leave one of the two out")
    if not verbose:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")
    from blindspots.study.file import load_study

    wanted = load_study(study, [*(changes or []), *["pictures.skip_damaged=true"] * skip_damaged])
    require_root_and_data(root, wanted.dataset, data)
    if dry_run:
        from blindspots.jobs.opening import look_into
        from blindspots.jobs.plan import make_plan
        from tasks.actors.resources import are_elsewhere

        elsewhere = not here and are_elsewhere()
        with prints_aside():
            opened = look_into(wanted, root, device=device, elsewhere=elsewhere, data=data, networks=networks or None)
            plan = make_plan(opened.workspace)
        print_plan(opened.workspace, plan, as_json)
        return
    if here:
        from flows.here import run_in_this_process

        with prints_aside():
            outcome = run_in_this_process(wanted, root=root, device=device, data=data, networks=networks or None)
    else:
        require_workflow("blindspots run", otherwise="; blindspots run --here does without")
        if not Path(root).exists():  # then there is work for certain, and what takes seconds to import can wait
            _require_named_server()
        from flows.local_run import run_on_workers

        with prints_aside():
            outcome = run_on_workers(
                wanted, root=root, workers=workers, device=device, data=data, networks=networks or None
            )
    print_outcome(root, outcome, as_json)


for looking in (state, drawn, asking, images, exploring, comparing, studying, fetching):
    app.registered_commands += looking.commands.registered_commands
    app.registered_groups += looking.commands.registered_groups
app.add_typer(roots.commands, name="root")


@app.command(
    epilog="""[bold]Examples[/bold]

blindspots bounds alexnet.pth --figure alexnet.png

blindspots bounds mnist/models/fc100-100-10/seed-0.safetensors --json

blindspots bounds weights.safetensors --network my_package.networks:make --input-shape 3,32,32 --workers 4

blindspots bounds https://download.pytorch.org/models/alexnet-owt-7be5be79.pth --sha256 7be5be79"""
)
def bounds(
    model: Annotated[str, typer.Argument(help="A file of weights, .safetensors or .pth, or its address.")],
    network: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(NETWORKS)}, the name of one that a package offers, or package.module:function; what the "
            "file says otherwise."
        ),
    ] = None,
    input_shape: Annotated[
        str | None, typer.Option(metavar="SIZES", help="Shape of an image, such as 3,224,224, where it is not known.")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="Of what lies at an address, or its first digits.")] = None,
    unbounded: Annotated[
        bool, typer.Option("--unbounded", help="Go on where a layer has no rule: its bound is infinite then.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Ray actors that do the layers; this process otherwise.")
    ] = None,
    form: Annotated[str, typer.Option("--format", "-f", help="text, markdown, csv, latex or json.")] = "text",
    output: Output = None,
    figure_path: Annotated[
        Path | None,
        written("--figure", help="Draw the layers' spectra into this .png or .pdf file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bound how far every layer of a model can spread two inputs apart, and the whole (section 4.3).

    For an AlexNet, Table 5 with the paper's values follows. A network of yours is made by a function without arguments
    that returns it; its code is run, and the weights must fit.
    """
    if workers is not None:
        require_workflow("blindspots bounds --workers", otherwise="; without --workers nothing is missing")
    from flows.bounds import bounds_of

    shape = parsed_shape(input_shape)
    for path in filter(None, (output, figure_path)):
        check_output(path)
    with prints_aside():
        text = bounds_of(
            model,
            network=network,
            input_shape=shape,
            sha256=sha256,
            unbounded=unbounded,
            workers=workers,
            form="json" if as_json else form,
            figure_path=figure_path,
        )
    print_or_write(text, output)


@app.command(epilog="[bold]Example[/bold]\n\nblindspots version --json")
def version(as_json: Json = False) -> None:
    """Print the versions of blindspots and of the libraries that can change a number."""
    import torch  # noqa: F401 - imported, it says which build it is

    from blindspots.store.receipts import library_versions

    versions = library_versions()
    if as_json:
        print_json(versions)
    else:
        typer.echo("\n".join(f"{name} {found}" for name, found in versions.items()))


@app.command(
    epilog="[bold]Examples[/bold]\n\nblindspots serve\n\nblindspots serve --cron '0 3 * * *' --set sets.examples=500"
)
def serve(
    study: StudyName = "quick",
    root: Root = ROOT,
    changes: Changes = None,
    workers: Annotated[int | None, typer.Option(min=1, max=4096, help="Ray actors; one a core otherwise.")] = None,
    cron: Annotated[str | None, typer.Option(help="Run the study on this schedule.")] = None,
    networks: Networks = None,
) -> None:
    """Serve the flows as Prefect deployments, to be started from the UI, the API or a schedule.

    Needs a Prefect server: start one with [bold]prefect server start[/bold] and name it in PREFECT_API_URL.
    """
    require_workflow("blindspots serve")
    from blindspots.study.file import load_study

    wanted = load_study(study, changes)
    require_root_and_data(root, wanted.dataset, None)
    _require_named_server()
    from flows.local_server import check_settings

    check_settings()
    from blindspots.networks import PACKAGES
    from blindspots.store.place import Place
    from flows.serve import serve_flows

    if networks:
        os.environ[PACKAGES] = ",".join(networks)  # for the processes of the runs: no form may say it

    serve_flows(study, changes or [], root=str(Place.at(root)), workers=workers, cron=cron)


def _require_named_server() -> None:
    """Raise :class:`InputError` where the environment names a Prefect server that does not answer."""
    url = os.environ.get("PREFECT_API_URL")
    if url:
        from flows.local_server import require_server

        require_server(url)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 when all is well, 1 when something failed, 2 for input that cannot be used.

    After Ctrl-C with 130, as shells have it.
    """
    show_any_name()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("blindspots: %(message)s"))
    logging.getLogger("blindspots").addHandler(handler)
    sys.exit(_exit_code(lambda: app(args=arguments, standalone_mode=False)))


def _exit_code(call: Callable[[], Any]) -> int:
    try:
        code = call()
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except TyperException as error:
        message = error.format_message()
        return _complain(message, 2) if message else 2
    except (typer.Abort, KeyboardInterrupt):
        return _complain("stopped; the next run goes on from here", _INTERRUPTED)
    except InputError as error:
        return _complain(str(error), 2)
    except BlindspotsError as error:  # what failed says what; a defect has a traceback
        return _complain(str(error), 1)
    except OSError as error:
        if not (is_for_good(error) or is_of_the_system(error)):
            raise
        where = f" at {error.filename}" if error.filename else ""
        return _complain(f"{error.strerror}{where}; {_KEPT}", 1)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "can't allocate memory" not in str(error):  # which is torch's
            raise
        return _complain(f"there is not enough memory; {_KEPT}", 1)


def _complain(message: str, code: int) -> int:
    typer.echo(f"blindspots: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    main()
