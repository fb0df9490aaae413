"""The last sections of the page: the paper's slips, where everything lies in the store, and what the study has not."""

from collections.abc import Iterable

import xarray as xr

from blindspots.paper.slips import SLIPS
from blindspots.report.blocks import Cell, Entries, Entry, Grid, Missing, Row, Section, Text
from blindspots.report.numbers import count
from blindspots.results.results import Results
from blindspots.store import layout
from blindspots.study.study import Study


def slip_section(study: Study) -> Section:
    """Return where the paper slips or is silent, and which reading is taken."""
    items = []
    for slip in SLIPS:
        chosen = slip.in_force(study)
        said = [slip.paper, f"Here: {slip.here}"] + ([f"This study: {chosen}."] if chosen else [])
        items.append(Entry(slip.heading, tuple(said)))
    text = Text("Where two readings are reasonable, both can be chosen in a study, and the default is named.")
    return Section("slips", "Where the paper slips or is silent", (text, Entries(tuple(items), numbered=True)))


def store_section(results: Results) -> Section:
    """Return where everything lies in the store."""
    rows = []
    for name, (path, what) in layout.DESCRIBED.items():
        groups = _filled(results.tree, name)
        if groups:
            rows.append(_row(layout.in_hierarchy(path), what, groups))
    weights = sum(key.endswith(".safetensors") for key in results.place.files(layout.MODELS))
    receipts = sum(1 for _ in results.place.files(layout.RECEIPTS))
    rows.append(_row(f"{layout.MODELS}/<model>/seed-<seed>.safetensors", "weights, with their metadata", weights))
    rows.append(
        _row(f"{layout.RECEIPTS}/<job>/<shard>.json", "what every shard was made from, by what and when", receipts)
    )
    rows.append(_row(layout.STUDY, "the study, with every field, and the hash of its data", 1))
    grid = Grid(
        id="grid-store",
        caption="What the folder of the store holds; a group of study.zarr is an xarray Dataset.",
        corner="place",
        columns=("what it is", "how many"),
        rows=tuple(rows),
        of_words=True,
    )
    text = Text(
        'In Python, without this package: xarray.open_datatree("study.zarr", engine="zarr"). A table is printed, '
        "also as LaTeX, CSV or JSON, by blindspots table, a figure drawn by blindspots figure, and everything is "
        "read back and held against its receipts by blindspots verify. To look through the images one by one, and see "
        "whom each fools: blindspots explore, with this folder."
    )
    return Section("store", "Where everything lies", (grid, text))


def is_unasked(section: Section) -> bool:
    """Tell whether a section would say no more than that the study asks for nothing of the kind."""
    return bool(section.blocks) and all(isinstance(block, Missing) and block.unasked for block in section.blocks)


def unasked_section(sections: Iterable[Section]) -> tuple[Section, ...]:
    """Return one section in the place of those that are unasked for: their titles, by what the study lacks."""
    titles: dict[str, list[str]] = {}
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Missing):
                titles.setdefault(block.text, []).append(section.title)
    if not titles:
        return ()
    items = tuple(Entry("; ".join(named), (why,)) for why, named in titles.items())
    text = Text("What other studies show, and this one does not ask for.")
    return (Section("left-out", "What is left out", (text, Entries(items))),)


def _row(place: str, what: str, how_many: int) -> Row:
    return Row(place, (Cell(ours=what), Cell(ours=count(how_many))))


def _filled(tree: xr.DataTree, name: str) -> int:
    """Return how many groups with arrays lie at or under ``name``."""
    return sum(bool(node.data_vars) for node in tree[name].subtree) if name in tree.children else 0
