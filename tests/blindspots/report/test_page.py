"""The page as a browser reads it: nothing from elsewhere, everything named, every disagreement marked and listed."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from blindspots.figures import FIGURES
from blindspots.report.build import build_report
from blindspots.report.findings import Ledger
from blindspots.report.grids import transfer_grid
from blindspots.results.results import Results
from blindspots.tables import TABLES, draw_table
from blindspots.tables.agreement import agreement

pytestmark = pytest.mark.xdist_group("report")
VOID = {"meta", "link", "img", "br", "hr"}


@dataclass
class Node:
    tag: str
    attrs: dict[str, str]
    children: "list[Node | str]" = field(default_factory=list)

    def all(self, tag: str) -> "list[Node]":
        below = [child for child in self.children if isinstance(child, Node)]
        return [child for child in below if child.tag == tag] + [each for child in below for each in child.all(tag)]

    @property
    def text(self) -> str:
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(parts).split())


class Parser(HTMLParser):
    """A tree of the page; tags that do not match are an error."""

    def __init__(self) -> None:
        super().__init__()
        self.path = [Node("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        assert len(node.attrs) == len(attrs), f"<{tag}> has an attribute twice"
        self.path[-1].children.append(node)
        if tag not in VOID:
            self.path.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.path.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.path[-1].children.append(data)


def parsed(page: str) -> Node:
    parser = Parser()
    parser.feed(page)
    parser.close()
    assert len(parser.path) == 1
    return parser.path[0]


def everything(node: Node) -> list[Node]:
    below = [child for child in node.children if isinstance(child, Node)]
    return [*below, *(each for child in below for each in everything(child))]


@pytest.fixture(scope="module")
def page(kinds_page: str) -> Node:
    return parsed(kinds_page)


@pytest.fixture(scope="module")
def tables(kinds_root: Path) -> dict[int, xr.Dataset]:
    with Results(kinds_root) as results:
        return {number: draw_table(number, results) for number in (1, 2, 3, 4)}


def table_of(page: Node, identifier: str) -> Node:
    (found,) = [table for table in page.all("table") if table.attrs["id"] == identifier]
    return found


def row_of(table: Node, name: str) -> list[Node]:
    (found,) = [row for row in table.all("tr") if row.all("th")[0].text == name]
    return found.all("td")


def test_nothing_comes_from_elsewhere_and_nothing_runs(page: Node, kinds_page: str) -> None:
    for node in everything(page):
        for name in ("src", "href", "srcset", "action", "data", "poster", "background", "style"):
            assert node.attrs.get(name, "#").startswith(("#", "data:")), node
        assert not [name for name in node.attrs if name.startswith("on")]
    tags = {node.tag for node in everything(page)}
    assert not tags & {"script", "iframe", "object", "embed", "form", "base", "video", "audio"}
    assert "url(" not in kinds_page
    assert "@import" not in kinds_page
    (policy,) = [node for node in page.all("meta") if node.attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.attrs["content"].startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert len(kinds_page) < 5_000_000


def test_pictures_lie_inside_and_say_what_they_show(page: Node) -> None:
    images = page.all("img")
    assert (
        len(images) == 2 * 2 + 7
    )  # maps of two tables and rules; distortions, brackets, pairs, filters, training, negatives, spectra
    for image in images:
        assert re.match(r"data:image/(png|svg\+xml);base64,[A-Za-z0-9+/]{1000,}", image.attrs["src"])
        assert len(image.attrs["alt"]) > 50
    assert len(page.all("figcaption")) == len(page.all("figure")) == len(images)


def test_the_contents_lead_to_every_section(page: Node) -> None:
    identifiers = [node.attrs["id"] for node in everything(page) if "id" in node.attrs]
    assert len(identifiers) == len(set(identifiers))
    (contents,) = page.all("nav")
    links = [link.attrs["href"].removeprefix("#") for link in contents.all("a")]
    assert links == [section.attrs["id"] for section in page.all("section")]
    assert links[:6] == ["verdict", "table-1", "table-2", "table-3", "table-4", "figure-transfer"]
    for link in page.all("a"):
        assert link.attrs["href"].removeprefix("#") in identifiers
    assert [heading.text for heading in page.all("h1")] == ["Blind spots of neural networks: the study kinds"]
    assert page.all("html")[0].attrs["lang"] == "en"


def test_sections_come_in_the_order_of_the_registries(page: Node) -> None:
    names = [section.attrs["id"] for section in page.all("section")]
    in_tables = {name for table in TABLES.values() for name in table.figures}
    alone = [f"figure-{name}" for name in FIGURES if name not in in_tables]
    ours = [f"table-{name}" for name in TABLES if name not in ("1", "2", "3", "4")]
    wanted = ["verdict", "table-1", "table-2", "table-3", "table-4", *alone, *ours]
    asked = [name for name in wanted if name in names]
    assert names == [*asked, "slips", "store", "left-out"]
    # what this study does not ask for has no section of its own, and is listed in the last one
    last = page.all("section")[-1].text
    entries = {f"table-{name}": each for name, each in TABLES.items()}
    entries |= {f"figure-{name}": each for name, each in FIGURES.items()}
    unasked = [name for name in wanted if name not in names]
    assert unasked
    assert all((entries[name].heading or entries[name].title) in last for name in unasked)


def test_every_table_has_a_caption_and_named_rows_and_columns(page: Node) -> None:
    assert len(page.all("table")) > 10
    for table in page.all("table"):
        assert len(table.all("caption")) == 1
        assert len(table.all("caption")[0].text) > 20
        head, *rows = table.all("tr")
        assert {cell.attrs["scope"] for cell in head.all("th")} == {"col"}
        assert rows
        for row in rows:
            assert [cell.attrs["scope"] for cell in row.all("th")] == ["row"]
            assert len(row.all("td")) == len(head.all("th")) - 1


def test_every_disagreement_is_marked_by_colour_and_sign_and_listed(page: Node, tables: dict[int, xr.Dataset]) -> None:
    wrong = {
        number: sum(int((t[n] == 0).sum()) for n in t if str(n).endswith("overlap")) for number, t in tables.items()
    }
    assert min(wrong.values()) > 0
    for number, table in tables.items():
        names = [f"grid-{number}"] if number in (1, 3) else [f"grid-{number}-{rule}" for rule in ("random", "nearest")]
        cells = [cell for name in names for cell in table_of(page, name).all("td")]
        marked = [cell for cell in cells if cell.attrs.get("class") in ("higher", "lower")]
        assert len(marked) == wrong[number], table.attrs["title"]
        for cell in cells:
            signs = [link.text for link in cell.all("a")]
            if cell not in marked:
                assert not signs
                continue
            sign = {"higher": "▲", "lower": "▼"}[cell.attrs["class"]]
            (link,) = cell.all("a")
            assert link.text[0] == sign
            assert "points" in cell.attrs["title"]
            (row,) = [row for row in page.all("tr") if row.attrs.get("id") == link.attrs["href"].removeprefix("#")]
            assert row.all("td")[0].text == link.text


def test_a_cell_shows_ours_above_the_papers_and_how_far_they_are_apart(
    page: Node, tables: dict[int, xr.Dataset]
) -> None:
    cell = tables[1].sel(model="fc10-1e-4")
    ours, misread = float(cell["test_error"]), int(cell["test_error_misread"])
    shown = row_of(table_of(page, "grid-1"), "FC10(1e-4)")[1]
    assert shown.attrs["class"] == "higher"
    pattern = rf"{100 * ours:.1f} ▲(\d+) \[[\d., ]+\] n = 10\u202f?\s?000 paper 7.4 \[6.9, 8.0\]"
    assert re.fullmatch(pattern, shown.text), shown.text
    pooled = (misread + 740) / 20_000
    errors = (ours - 0.074) / np.sqrt(pooled * (1 - pooled) * 2 / 10_000)
    assert shown.attrs["title"] == (
        f"FC10(1e-4), test images: {100 * (ours - 0.074):+.1f} points, {errors:+.1f} pooled standard errors"
    )
    listed = [node.text for node in row_of(table_of(page, "findings-1"), "FC10(1e-4), test images")]
    assert listed[-3:] == [f"{100 * (ours - 0.074):+.1f}", f"{errors:+.1f}", "Not explained."]


@pytest.mark.parametrize(
    ("variant", "suffix"),
    [
        ("plain", ""),
        ("amplified", ", amplified to 0.1"),
        ("amplified-clipped", ", amplified to 0.1, then clipped"),
        ("amplified-in-box", ", amplified to 0.1 inside [0, 1]"),
    ],
)
@pytest.mark.parametrize("rule", ["random", "nearest"])
def test_the_rows_of_table_4_are_those_of_the_store(
    page: Node, tables: dict[int, xr.Dataset], variant: str, suffix: str, rule: str
) -> None:
    for source, name in (("fc100-100-10-p1", "FC100-100-10 on P1"), ("fc100-100-10-p2", "<i>P2 & 'co'</i>")):
        line = tables[4].sel(rule=rule, variant=variant, source=source)
        cells = row_of(table_of(page, f"grid-4-{rule}"), name + suffix)
        for cell, value, paper in zip(cells, line["rate"].values, line["paper_printed"].values, strict=False):
            decimals = len(cell.text.split()[0].partition(".")[2])
            assert float(cell.text.split()[0]) == pytest.approx(100 * value, abs=0.6 * 10**-decimals)
            assert ("paper" in cell.text) == bool(paper)
            if paper:
                assert f"paper {paper} [" in cell.text


def test_the_verdict_is_that_of_the_tables(page: Node, tables: dict[int, xr.Dataset]) -> None:
    found = agreement(tables.values())
    assert found.cells
    (lead,) = [node for node in page.all("p") if node.attrs.get("class") == "lead"]
    start = (
        f"{found.overlapping} of {found.total} cells of Tables 1 and 3 overlap with the paper's under the rule random"
    )
    assert lead.text.startswith(start)
    last = table_of(page, "grid-verdict").all("tr")[-1]
    assert last.all("td")[0].text == f"{found.overlapping} of {found.total}"


def test_the_spread_over_seeds_stands_beside_the_mean(tables: dict[int, xr.Dataset]) -> None:
    table = tables[2].assign(spread=tables[2]["rate"] * 0 + 0.012)
    table.attrs["seeds"] = 3
    grid = transfer_grid(table, "random", Ledger({}))
    assert {cell.spread for row in grid.rows[:-1] for cell in row.cells[:-1]} == {"±1.2"}
    assert "Means over 3 seeds" in grid.notes[-1]
    once = transfer_grid(tables[2], "random", Ledger({}))
    assert {cell.spread for row in once.rows for cell in row.cells} == {""}
    assert once.notes == ()


def test_text_is_escaped(kinds_page: str, page: Node) -> None:
    assert "<i>" not in kinds_page
    assert "&lt;i&gt;P2 &amp; &#39;co&#39;&lt;/i&gt;" in kinds_page
    assert "<i>P2 & 'co'</i>" in [cell.text for cell in table_of(page, "grid-3").all("th")]


def test_who_made_it_and_when_is_said(page: Node) -> None:
    facts = {row.all("dt")[0].text: row.all("dd")[0].text for row in page.all("dl")[0].all("div")}
    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", facts["Made"])
    assert re.search(r"python 3\.\d+\.\d+, blindspots \S+, torch \S+, numpy", facts["By"])
    assert facts["Study"].startswith("kinds: 6 networks on mnist")


def test_the_same_store_gives_the_same_bytes(kinds_page: str, kinds_root: Path) -> None:
    with Results(kinds_root) as results:
        again = build_report(results, explanations={})
    assert again == kinds_page
    assert str(kinds_root) not in again
