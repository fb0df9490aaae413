"""The pages in a real browser, as a person clicks through them: by hand, -m browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

HOUSE = Path(__file__).parents[3]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
def address(tiny_root: Path) -> Iterator[str]:
    """Where the command itself serves the tiny study; Ctrl-C must end it."""
    path = os.pathsep.join(filter(None, [str(HOUSE), os.environ.get("PYTHONPATH", "")]))
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "explore", str(tiny_root), "--no-browser", "--port", "0"],
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        yield said.split()[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def click(page: Any, what: Any) -> None:
    """Click, and wait until the page that is led to has all its pictures."""
    page.wait_for_load_state("networkidle")
    what.click()
    page.wait_for_load_state("networkidle")


def sizes(page: Any) -> list[float]:
    return [float(each) for each in page.locator(".tiles .size").all_inner_texts()]


def found(page: Any) -> int:
    said = re.match(r"([\d,]+) of", page.locator("#found").inner_text())
    assert said is not None
    return int(said.group(1).replace(",", ""))


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_images_are_sorted_filtered_and_looked_at(address: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    complaints: list[str] = []
    asked: set[str] = set()
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(240_000)  # nothing is gated on a time
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        page.goto(address)
        whole, smallest = found(page), sizes(page)
        assert smallest == sorted(smallest)

        page.get_by_label("largest").check()
        click(page, page.get_by_role("button", name="Show"))
        largest = sizes(page)
        assert largest == sorted(largest, reverse=True)
        assert largest[0] >= smallest[-1] > smallest[0]

        page.get_by_label("fc20-10 is fooled").check()
        page.locator("fieldset.classes").get_by_label("7", exact=True).check()
        click(page, page.get_by_role("button", name="Show"))
        assert 0 < found(page) < whole
        assert all(each.startswith("7 ") for each in page.locator(".tiles a span:nth-of-type(2)").all_inner_texts())
        assert page.get_by_label("largest").is_checked()

        click(page, page.locator(".tiles a").first)
        assert page.locator("h1").inner_text().endswith("class 7")
        assert page.locator("figure img").count() == 3
        widths = page.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
        assert widths == [28, 28, 28]
        reading = page.locator("table.logits tr", has_text="fc20-10")
        assert "fooled" in reading.inner_text()

        click(page, page.get_by_role("link", name="Back to the list"))
        click(page, page.locator(".matrix tbody tr", has_text="noise-0.1").first.locator("td a").last)
        assert "fooled=fc20-10" in page.url
        assert page.locator("select[name=set]").input_value() == "noise-0.1/seed-0/train/none"
        page.go_back()
        page.wait_for_load_state("networkidle")
        assert "class=7" in page.url
        page.wait_for_load_state("networkidle")
        browser.close()
    assert complaints == []
    assert asked - {""} == {urlsplit(address).netloc}
