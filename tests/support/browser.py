"""A real Chromium for tests of pages: Debian's, driven by Playwright; a test is skipped where either is missing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """A browser, for the length of a block.

    Args:
        arguments: Of its command line, besides those that every test needs.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("needs Playwright: pip install playwright")
    path = os.environ.get("PROSODY_GATE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"needs Chromium: none of {', '.join(NAMES)} is on the path (set PROSODY_GATE_CHROMIUM)")
    with sync_playwright() as playwright:
        # Tests run as root in a container, where Chromium's sandbox does not work; the sound goes nowhere.
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--mute-audio", "--autoplay-policy=no-user-gesture-required", *arguments],
        )
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page in the browser, with all that it logs and asks for.

    Args:
        browser: From `chromium`.
        width: Of the window.
        dark: Whether the dark colours are asked for.
        script: Runs before the page's own.
    """

    def __init__(self, browser: Any, *, width: int = 1280, dark: bool = False, script: str = "") -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 860}, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        self.page = self.context.new_page()
        if script:
            self.page.add_init_script(script)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, target: Path | str) -> Any:
        """Open a file or an address, and wait for the page's script."""
        self.page.goto(target if isinstance(target, str) else target.as_uri())
        self.until("document.documentElement.dataset.ready === 'true'")
        return self.page

    def until(self, expression: str, *, seconds: float = 10.0) -> None:
        """Wait until an expression holds; Playwright's own waiting is what the page's policy forbids.

        Args:
            expression: JavaScript.
            seconds: At most.
        """
        end = time.monotonic() + seconds
        while not self.page.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < end, f"not within {seconds:g} s: {expression}"
            self.page.wait_for_timeout(30)

    @property
    def network(self) -> list[str]:
        """What was asked of any network."""
        return [url for url in self.requests if not url.startswith(("file:", "blob:", "data:"))]
