"""The page: a finished store as one HTML file that needs nothing else.

It has no script and asks for nothing: style and images lie inside it, and its Content-Security-Policy forbids all
else. The same store gives the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr
from jinja2 import Environment, FunctionLoader, StrictUndefined

from blindspots.datasets.dataset import Dataset
from blindspots.errors import InputError
from blindspots.paper.explanations import explanations_for
from blindspots.report.blocks import Fact, Section
from blindspots.report.bound_sections import bounds_section, penalty_section, table5_section
from blindspots.report.closing_sections import slip_section, store_section
from blindspots.report.findings import Ledger
from blindspots.report.numbers import SIGNS, count
from blindspots.report.picture_sections import (
    distortion_section,
    figure7_section,
    filter_section,
    negatives_section,
    training_section,
    transfer_section,
)
from blindspots.report.provenance import Provenance, provenance
from blindspots.report.table_sections import table_sections
from blindspots.report.verdict import verdict_line, verdict_section
from blindspots.store.layout import Layout
from blindspots.study.study import Study
from blindspots.tables import build_table, tables_for

if TYPE_CHECKING:
    from blindspots.jobs.workspace import Workspace

_TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class Page:
    """What the template draws."""

    title: str
    verdict: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    signs: Mapping[str, str]
    version: str


def write_report(workspace: "Workspace", path: Path, *, explanations: Mapping[str, str] | None = None) -> Path:
    """Write the report of a workspace's store to ``path``, whole or not at all, and return it.

    Raises :class:`InputError` where there is no study, or the file cannot be written.
    """
    from blindspots.files import write_whole
    from blindspots.results.tree import open_study

    with open_study(workspace.root, lazy=False) as tree:
        text = build_report(tree, workspace.study, workspace.dataset, workspace.layout, explanations=explanations)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    return path


def build_report(
    tree: xr.DataTree,
    study: Study,
    dataset: Dataset,
    layout: Layout,
    *,
    explanations: Mapping[str, str] | None = None,
) -> str:
    """Return the report of a store as HTML.

    ``explanations``: why a cell disagrees with the paper's, by patterns of keys, the most particular first; by default
    those of :func:`~blindspots.paper.explanations.explanations_for`. Parts that the study or the store lacks are left
    out with a sentence.
    """
    tables = _tables(tree, study)
    drawn = {number: table for number, table in tables.items() if isinstance(table, xr.Dataset)}
    sections = (
        verdict_section(drawn, study),
        *table_sections(tables, Ledger(explanations_for(study) if explanations is None else explanations)),
        transfer_section(tables),
        distortion_section(tree, study),
        figure7_section(tree, study, dataset),
        filter_section(study, dataset, layout),
        training_section(tree, study),
        negatives_section(tree, study),
        bounds_section(tree, study, dataset, layout),
        table5_section(tree, study),
        penalty_section(tree, study),
        slip_section(study),
        store_section(tree, layout),
    )
    page = Page(
        title=f"Blind spots of neural networks: the study {study.name}",
        verdict=verdict_line(drawn),
        facts=_facts(study, provenance(layout)),
        sections=sections,
        signs=SIGNS,
        version=_version(),
    )
    environment = Environment(
        loader=FunctionLoader(lambda name: files(__package__).joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(page=page)


def _tables(tree: xr.DataTree, study: Study) -> dict[int, xr.Dataset | str]:
    """Return the tables that the study has models for; where the store is not finished, what it lacks."""
    found: dict[int, xr.Dataset | str] = {}
    for number in tables_for(study):
        try:
            found[number] = build_table(number, tree, study)
        except InputError as error:
            found[number] = str(error)
    return found


def _facts(study: Study, made: Provenance) -> tuple[Fact, ...]:
    training, sets = study.training, study.sets
    images = "all images of a split" if training.images is None else f"{count(training.images)} images of a split"
    limits = [] if sets.examples is None else [f"{count(sets.examples)} images"]
    if sets.targeted_examples is not None:
        limits.append(f"{count(sets.targeted_examples)} with a target")
    size = " and ".join(limits) or "the whole split"
    libraries = ", ".join(f"{library} {' and '.join(found)}" for library, found in made.versions.items())
    when = made.first if made.first == made.last else f"{made.first} to {made.last}"
    took = f"{count(made.shards)} shards, {count(round(made.seconds))} s of work on {' and '.join(made.devices)}"
    seeds = f"{study.seeds} a network" if study.seeds > 1 else "one a network"
    facts = (
        Fact("Study", f"{study.name}: {len(study.models)} networks on {study.dataset_name}; seeds: {seeds}"),
        Fact("Trained on", f"{images}, at most {count(training.iterations)} iterations of L-BFGS"),
        Fact(
            "Sets", f"{size} at most; rules {' and '.join(f'{rule} (by {study.method(rule)})' for rule in sets.rules)}"
        ),
        Fact("Made", f"{when}; {took}" if made.shards else "no receipt tells"),
        Fact("By", libraries),
    )
    return tuple(fact for fact in facts if fact.value)


def _version() -> str:
    try:
        return version("blindspots")
    except PackageNotFoundError:
        return "not installed"
