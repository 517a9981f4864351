"""A page in a headless Chromium, where there is one: from a file, without a network; nothing may go wrong in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.leaderboard.page import page
from tests.support.board import NAMES, board, numbers

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, where there is one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser: looked for {', '.join(BROWSERS)} on the PATH")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


class Seen:
    """A page that is open, and everything that should not have happened in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.troubles: list[str] = []
        page.on("console", lambda message: self.troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self._request)

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:file:")):
            self.troubles.append(f"request: {request.url}")

    def texts(self, selector: str) -> list[str]:
        """The texts that are on the screen, when what was just put there has been drawn (`content-visibility`)."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found: list[str] = self.page.locator(selector).all_inner_texts()
        return found


Open = Callable[..., Seen]


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """`visit(html, **context)`: the page, open. When the test is over, nothing may have gone wrong in it."""
    contexts, opened = [], []

    def go(html: str, at: str = "", **given: Any) -> Seen:
        file = tmp_path / "index.html"
        file.write_text(html, encoding="utf-8")
        contexts.append(browser.new_context(offline=True, reduced_motion="reduce", **given))
        seen = Seen(contexts[-1].new_page())
        opened.append(seen)
        seen.page.goto(file.as_uri() + at)
        return seen

    yield go
    for context in contexts:
        context.close()
    assert [trouble for seen in opened for trouble in seen.troubles] == []


@pytest.fixture(scope="module")
def html() -> str:
    return page(board(), numbers(), NAMES)


DIGITS = '[data-table^="digits"]'


def state(seen: Seen) -> str:
    """What the address says behind #."""
    return str(seen.page.url.partition("#")[2])
