"""What is shown for which choice, of a real small study."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import torch
import xarray as xr

from blindspots.errors import InputError
from blindspots.explorer.pages import Explorer
from blindspots.explorer.view import PICTURES, all_sets
from blindspots.results import Results
from blindspots.store import layout
from tests.blindspots.results.queries.conftest import study, tree
from tests.held import Held

__all__ = ["tree"]
SET = "sets/fc10/seed-0/train/nearest"


@pytest.fixture(scope="module")
def explorer(tiny_root: Path) -> Iterator[Explorer]:
    with Results(tiny_root) as results:
        yield Explorer(results)


def asked(explorer: Explorer, address: str) -> str:
    """The page at an address."""
    split = urlsplit(unescape(address))
    pages = {"/": explorer.set_page, "/image": explorer.image_page}
    return pages[split.path](parse_qsl(split.query))


def examples(page: str) -> list[int]:
    return [int(each) for each in re.findall(r'title="image (\d+)"', page)]


def found(page: str) -> int:
    said = re.search(r'id="found">([\d,]+) of', page)
    assert said is not None
    return int(said.group(1).replace(",", ""))


def test_a_page_of_images_is_sorted_and_leads_to_the_next(explorer: Explorer) -> None:
    stored = explorer.results.group(SET)
    moved = stored.isel(example=np.flatnonzero((stored.clean_predicted == stored.label) & stored.success))
    wanted = moved.example.values[np.argsort(moved.distortion.values, kind="stable")].tolist()
    first = asked(explorer, "/")
    assert examples(first) == wanted[:PICTURES]
    assert first.count("fools 1 of 2") + first.count("fools 2 of 2") == PICTURES
    (address,) = re.findall(r'rel="next" href="([^"]+)"', first)
    assert examples(asked(explorer, address)) == wanted[PICTURES : 2 * PICTURES]
    assert examples(asked(explorer, "/?first=largest"))[0] == wanted[-1]
    assert examples(asked(explorer, "/?page=999")) == wanted[(len(wanted) - 1) // PICTURES * PICTURES :]


def test_every_cell_of_the_matrix_leads_to_as_many_images_as_it_counts(explorer: Explorer) -> None:
    page = asked(explorer, "/?set=fc20-10/seed-0/train/nearest")
    cells = re.findall(r'title="(\S+) misreads ([\d.]+)% of ([\d,]+) images[^"]*"><a href="([^"]+)">', page)
    assert len(cells) == 2 * (2 + 4 + 1)
    table = explorer.results.group(layout.TRANSFER)
    for target, share, n, address in cells:
        name = all_sets(explorer.study)[dict(parse_qsl(urlsplit(unescape(address)).query))["set"]]
        misread = table.misread.sel(
            source=name.source, target=target, seed=0, split=name.split, rule=name.rule, variant="plain"
        ).item()
        assert found(asked(explorer, address)) == misread
        assert float(share) == pytest.approx(100 * misread / int(n.replace(",", "")), abs=0.006)


def test_an_image_is_seen_with_what_each_model_makes_of_it(explorer: Explorer) -> None:
    (address, *_) = re.findall(r'<a href="([^"]+)" title="image', asked(explorer, "/?class=3&class=7&by=fooled"))
    page = asked(explorer, address)
    example = int(dict(parse_qsl(urlsplit(unescape(address)).query))["example"])
    stored = explorer.results.group(SET).sel(example=example)
    assert f"Image {example}, class {stored.label.item()}" in page
    assert f"Distortion {stored.distortion.item():.4g}" in page
    images = explorer.results.dataset.images("train", [example]) + torch.from_numpy(stored.perturbation.values)
    for model in ("fc10", "fc20-10"):
        best = explorer.results.network(model)(images)[0].topk(3)
        said = ", ".join(
            f"{at}: {value:.2f}" for at, value in zip(*map(list, (best.indices, best.values)), strict=True)
        )
        assert said in page
    assert "fc20-10</a></th>" in page  # the same image, moved for the other model
    (back,) = re.findall(r'<a href="([^"]+)">Back to the list', page)
    assert example in examples(asked(explorer, back))
    assert 'rel="next"' in page
    assert explorer.picture("difference", [("row", "3")]).startswith(b"\x89PNG")


def test_what_there_is_not_is_refused(explorer: Explorer, tree: xr.DataTree) -> None:
    with pytest.raises(InputError, match="has no image 60001"):
        asked(explorer, "/image?example=60001")
    with pytest.raises(InputError, match="the set has 50 images"):
        explorer.picture("original", [("row", "50")])
    with pytest.raises(InputError, match="has no adversarial sets to explore"):
        Explorer(Held(tree, study(sets={"rules": []})))


def test_of_a_store_that_does_not_say_who_reads_what_nothing_is_said_of_that(tree: xr.DataTree) -> None:
    del tree["predictions"]
    page = asked(Explorer(Held(tree, study())), "/")
    assert len(examples(page)) == PICTURES
    assert "the store lacks what one reads in" in page
    assert "fools " not in page
    assert "No set has been shown to any model yet." in page


def test_names_are_text_and_never_markup(explorer: Explorer) -> None:
    assert "&lt;script&gt;" in explorer.refusal("<script>")
