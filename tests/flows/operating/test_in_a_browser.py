"""What somebody sees who runs a study from Prefect's pages, in a real browser; by hand:

    python -m pytest -n 0 -m browser tests/flows/operating/test_in_a_browser.py

It wants the extra ``deploy`` and a chromium on the path. ``BLINDSPOTS_SHOTS`` names a folder for pictures of the pages.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.operating.form import root_called
from tests.flows.conftest import CommandLine, end, wait_for

SHOTS = os.environ.get("BLINDSPOTS_SHOTS", "")
SCREEN = {"width": 1280, "height": 900}

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("deployments")]


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a browser that asks for nothing but what the tests open."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on the path")
    with playwright.sync_playwright() as started:
        # as root, in a container, it has no sandbox of its own
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        found = browser.new_page(viewport=SCREEN)
        found.set_default_timeout(30_000)
        try:
            yield found
        finally:
            if SHOTS:
                found.screenshot(path=Path(SHOTS) / "last.png")
            browser.close()


@pytest.fixture
def served(blindspots: CommandLine, study_file: str, tmp_path: Path) -> Iterator[str]:
    """``blindspots serve`` with the tiny study, whose root is called as this yields."""
    blindspots.environment["RAY_worker_niceness"] = "0"  # the browser and what else is at work do not go before
    root = str(tmp_path / "looked-at")
    process = blindspots.start("serve", study_file, "--root", root, "--workers", "2")
    try:
        yield root_called(root)
    finally:
        end(process)


def shot(page: Any, name: str) -> None:
    """Take a picture of all of a page, where a folder is named for it."""
    if SHOTS:
        page.wait_for_timeout(1500)  # what moves has come to rest
        page.set_viewport_size({**SCREEN, "height": max(SCREEN["height"], height(page))})
        page.screenshot(path=Path(SHOTS) / f"{name}.png")
        page.set_viewport_size(SCREEN)


def submit(page: Any) -> int:
    """Send the form, and once more where the server is too busy to answer; return the status of its answer."""
    for _ in range(10):
        with page.expect_response(lambda answer: "create_flow_run" in answer.url) as sent:
            page.get_by_role("button", name="Submit").click()
        if sent.value.status != 503:
            break
        page.wait_for_timeout(2000)
    return int(sent.value.status)


def card(page: Any, run: str, what: str) -> Any:
    """Return the card of an artifact on a run's own page, once it is there."""
    found = page.get_by_text(re.compile(f"^tiny-looked-at-.*-{what}$")).first
    for _ in range(10):
        page.goto(run)
        page.get_by_text("Artifacts", exact=True).first.click()
        page.wait_for_timeout(3000)
        if found.count():
            break
    return found


def height(page: Any) -> int:
    """Return how high what is shown is, in pixels."""
    return int(page.evaluate("Math.max(...[...document.querySelectorAll('*')].map(each => each.scrollHeight))"))


def test_a_study_is_run_from_the_page_and_read_there(served: str, server: str, page: Any) -> None:
    site = server.removesuffix("/api")

    def listed() -> bool:
        page.goto(f"{site}/deployments")
        page.wait_for_timeout(2000)
        return page.get_by_text("Ready", exact=True).count() == 10  # all that one page has

    wait_for(listed, 120)
    for name in ("run", "train", "bounds"):
        assert page.get_by_text(f"{name}-tiny-in-{served}", exact=True).count(), name
    shot(page, "deployments")

    page.get_by_text(f"run-tiny-in-{served}", exact=True).first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    page.get_by_text("Fields of the study to change").wait_for()
    assert height(page) <= 2 * SCREEN["height"]
    shot(page, "form")

    page.locator("input:visible").first.fill("seen in a browser")
    page.get_by_role("button", name="Add item").click()
    wait_for(lambda: page.locator("textarea").count() == 3, 20)  # study, change, root
    change = page.locator("textarea").nth(1)
    change.fill("training.iterations=0")
    assert submit(page) == 409
    page.get_by_text("training.iterations = 0: Input should be greater than or equal to 1").first.wait_for()
    shot(page, "refused")
    assert page.url.endswith("/run") or "/run?" in page.url  # still in the form

    change.fill("sets.examples=40")
    assert submit(page) == 201
    # not clicked: the list is drawn anew every few seconds; and late where the server is busy with what begins
    link = page.locator("a[href*='/runs/flow-run/']", has_text="seen in a browser").first
    run = site + link.get_attribute("href", timeout=120_000)
    page.goto(run)
    page.get_by_text("Running", exact=True).first.wait_for(timeout=90_000)
    card(page, run, "progress")
    shot(page, "running")
    page.get_by_text("Completed", exact=True).first.wait_for(timeout=240_000)

    card(page, run, "verdict")
    shot(page, "finished")
    card(page, run, "verdict").click()
    page.get_by_text("This run did").wait_for()
    shot(page, "verdict")
    card(page, run, "figure-7").click()
    picture = page.locator("img[src^='data:image/png']").first
    picture.wait_for()
    wait_for(lambda: picture.evaluate("each => each.complete && each.naturalWidth") > 200, 20)
    shot(page, "figure-7")
    card(page, run, "table-2").click()
    page.locator("table").first.wait_for()
    assert page.locator("td").first.inner_text()
    shot(page, "table-2")
