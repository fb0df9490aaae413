"""What a finished run leaves on its own page in Prefect: the verdict, the tables, some figures, where the report is.

Every key has the study's name and the root's in it, so that studies and roots do not write over each other's.
"""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.artifacts import create_image_artifact, create_link_artifact, create_markdown_artifact
from prefect.logging import get_run_logger

from blindspots.errors import InputError
from blindspots.figures.registry import FIGURES
from blindspots.jobs.stages.tables import TableJob
from blindspots.jobs.workspace import Workspace
from blindspots.report.closing_words import verdict_paragraphs
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.tables import TABLES, render
from flows.operating.form import root_called
from flows.session import Session

_BESIDE_THE_PAPERS = ("transfer",)
"""Figures of ours that are shown; those of the paper, which have numbers, all are."""


def artifact_key(workspace: Workspace, what: str) -> str:
    """Return the key of an artifact: what it is, of which study, in which root."""
    name = f"{workspace.study.name}-{root_called(str(workspace.place))}-{what}"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def publish(running: Session, *, report: bool) -> None:
    """Publish what a run shows on the page of the flow that calls this, where all that is shown was made.

    ``report``: whether the page with everything is written into the root, and linked to. What cannot be drawn is told
    and left out, for whatever reason: all that was asked for is computed and kept by then.
    """
    drawn = [job.name for job in running.plan.jobs if isinstance(job, TableJob)]
    if not drawn or not running.watched or running.failed or running.sent_back:
        return
    with running.workspace.results() as results:
        _publish_verdict(running, results, drawn)
        for name in drawn:
            _publish_table(running.workspace, results, name)
        _publish_figures(running.workspace, results)
        if report:
            _publish_report(running.workspace, results)


def _publish_verdict(running: Session, results: Results, drawn: list[str]) -> None:
    workspace = running.workspace
    found = {name: results.table(name) for name in drawn}
    tables = {name: table for name, table in found.items() if table is not None}
    shards = sum(map(len, running.ran.values()))
    made = f"{len(running.ran)} jobs, {shards} shards" if shards else "nothing, since all of it was there"
    with _told("the verdict"):
        said = [
            *verdict_paragraphs(workspace.study, tables),
            f"This run did {made}. The store is `{workspace.place}`; all of it on one page: "
            f"`blindspots report --root {workspace.place}`.",
        ]
        create_markdown_artifact(
            key=artifact_key(workspace, "verdict"),
            markdown="\n\n".join(said),
            description=f"The study {workspace.study.name} beside the paper",
        )


def _publish_table(workspace: Workspace, results: Results, name: str) -> None:
    table = results.table(name)
    if table is None:
        return
    with _told(f"table {name}"):
        create_markdown_artifact(
            key=artifact_key(workspace, f"table-{name}"),
            markdown=render(table, "markdown"),
            description=f"Table {name}: {TABLES[name].title}",
        )


def _publish_figures(workspace: Workspace, results: Results) -> None:
    from blindspots.figures.drawing import draw_plates  # matplotlib: a second before every run's first job
    from blindspots.report.pictures import picture

    for name, entry in FIGURES.items():
        if not (name.isdigit() or name in _BESIDE_THE_PAPERS) or entry.lacks(results.study):
            continue
        with _told(f"figure {name}"):
            first = next(iter(draw_plates(name, results)))
            drawn = picture(first.figure, alt=first.alt, caption=first.caption, form="png")
            create_image_artifact(
                key=artifact_key(workspace, f"figure-{name}"),
                image_url=drawn.uri,
                description=f"Figure {name}: {entry.title}",
            )


def _publish_report(workspace: Workspace, results: Results) -> None:
    from blindspots.report.build import build_report

    with _told("the report"):
        workspace.place.write(layout.REPORT, build_report(results).encode())
        where = workspace.place.path(layout.REPORT)
        create_link_artifact(
            key=artifact_key(workspace, "report"),
            link=where if "://" in where else Path(where).as_uri(),
            link_text="The report",
            description=f"All tables and figures of the study {workspace.study.name} on one page: {where}",
        )


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Go on where ``what`` cannot be drawn, and say so."""
    try:
        yield
    except InputError as error:
        get_run_logger().warning("%s cannot be drawn: %s", what, error)
    except Exception:
        get_run_logger().warning("%s cannot be drawn", what, exc_info=True)
