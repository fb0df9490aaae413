"""The page: a finished store as one HTML file that needs nothing else.

It has no script and asks for nothing: style and images lie inside it, and its Content-Security-Policy forbids all
else. The same store gives the same bytes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

import xarray as xr
from jinja2 import Environment, FunctionLoader, StrictUndefined

from blindspots.errors import InputError
from blindspots.figures.registry import FIGURES
from blindspots.files import write_out
from blindspots.paper.explanations import explanations_for
from blindspots.report.blocks import Fact, Section
from blindspots.report.closing_sections import is_unasked, slip_section, store_section, unasked_section
from blindspots.report.figure_sections import figure_section
from blindspots.report.findings import Ledger
from blindspots.report.numbers import SIGNS, count
from blindspots.report.provenance import Provenance, provenance
from blindspots.report.table_sections import Read, read, table_section
from blindspots.report.verdict import verdict_lines, verdict_section
from blindspots.results.results import Results
from blindspots.study.study import Study
from blindspots.tables.registry import TABLES

_TEMPLATE = "page.html.j2"


@dataclass(frozen=True)
class Page:
    """What the template draws."""

    title: str
    verdict: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    compared: bool
    """Whether anything is held against the paper's."""
    signs: Mapping[str, str]
    version: str


def write_report(results: Results, path: Path) -> Path:
    """Write the report of a study to ``path``, whole or not at all, and return it.

    Raises :class:`InputError` where the file cannot be written.
    """
    text = build_report(results)
    try:
        write_out(path, text.encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    return path


def build_report(results: Results, *, explanations: Mapping[str, str] | None = None) -> str:
    """Return the report of a study as HTML.

    ``explanations``: why a cell disagrees with the paper's, by patterns of keys, the most particular first; by default
    those of :func:`~blindspots.paper.explanations.explanations_for`. Parts that the store lacks are left out with a
    sentence where they would be; those that the study does not ask for are listed at the end.
    """
    study = results.study
    tables = {name: read(name, results) for name in TABLES}
    there = {name: each for name, each in tables.items() if isinstance(each, xr.Dataset)}
    compared = [each for name, each in there.items() if TABLES[name].compared]
    ledger = Ledger(explanations_for(study) if explanations is None else explanations)
    drawn = tuple(_sections(tables, results, ledger))
    sections = (
        verdict_section(compared, study),
        *(section for section in drawn if not is_unasked(section)),
        slip_section(study),
        store_section(results),
        *unasked_section(section for section in drawn if is_unasked(section)),
    )
    page = Page(
        title=f"Blind spots of neural networks: the study {study.name}",
        verdict=" ".join(verdict_lines(there)),
        facts=_facts(study, provenance(results.place)),
        sections=sections,
        compared=bool(compared),
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


def _sections(tables: Mapping[str, Read], results: Results, ledger: Ledger) -> Iterator[Section]:
    """Yield the tables that are held against the paper's, then the figures that stand alone, then all other tables."""
    shown = {name for entry in TABLES.values() for name in entry.figures}
    for name, table in tables.items():
        if TABLES[name].compared:
            yield table_section(TABLES[name], table, results, ledger)
    for name, entry in FIGURES.items():
        if name not in shown:
            yield figure_section(entry, results)
    for name, table in tables.items():
        if not TABLES[name].compared:
            yield table_section(TABLES[name], table, results, ledger)


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
    networks = "one network" if len(study.models) == 1 else f"{len(study.models)} networks"
    trained = any(spec.given is None for spec in study.models)
    rules = " and ".join(f"{rule} (by {study.method(rule)})" for rule in sets.rules)
    facts = (
        Fact("Study", f"{study.name}: {networks} on {study.dataset_name}; seeds: {seeds}"),
        Fact("Trained on", f"{images}, at most {count(training.iterations)} iterations of L-BFGS" if trained else ""),
        Fact("Sets", f"{size} at most; rules {rules}" if rules else "none"),
        Fact("Made", f"{when}; {took}" if made.shards else "no receipt tells"),
        Fact("By", libraries),
    )
    return tuple(fact for fact in facts if fact.value)


def _version() -> str:
    try:
        return version("blindspots")
    except PackageNotFoundError:
        return "not installed"
