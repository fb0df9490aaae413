"""Options and arguments that several commands have, with the words in which their help tells of them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.printing import named_output


def written(*names: str, help: str) -> Any:
    """Return the option of so many ``names`` that says what file, or folder, a command is to write."""
    return typer.Option(*names, help=help, parser=named_output, metavar="PATH")


Root = Annotated[
    str, typer.Option("--root", help="Folder of the store, or an object store's address such as s3://bucket/prefix.")
]
StudyName = Annotated[str, typer.Argument(help="A built-in study, or the path of a YAML file.", metavar="STUDY")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a field of the study; repeatable.")
]
Data = Annotated[Path | None, typer.Option(help="Folder with the data set's files; the usual places otherwise.")]
Networks = Annotated[
    list[str] | None,
    typer.Option(
        "--networks",
        metavar="PACKAGE",
        help="A package whose functions the study may name as networks of given models: their code is run; repeatable. "
        "Otherwise those that BLINDSPOTS_NETWORKS names.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Output = Annotated[Path | None, written("--output", "-o", help="Write to this file.")]

ROOT = "blindspots-study"
"""Where a store lies, unless one says."""
