"""A headless Chromium, driven by playwright, or the reason why there is none."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
# As root it has no sandbox, and in a container no /dev/shm to speak of. It asks nobody for anything.
FLAGS: Final = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE: Final = {"width": 1200, "height": 900}
PHONE: Final = {"width": 360, "height": 740}


def lend(name: str) -> Any:
    """A module of what `make page` installs beside our own packages; skips the test where it is not there."""
    folder = os.environ.get("INSPAN_TEST_PLAYWRIGHT")
    if folder and folder not in sys.path:
        sys.path.append(folder)  # last: what is ours comes first
    return pytest.importorskip(name, reason="no playwright: see `make page`")


@contextlib.contextmanager
def driving() -> Iterator[Any]:
    """Playwright itself, of which a thread can have one at a time."""
    with lend("playwright.sync_api").sync_playwright() as driver:
        yield driver


@contextlib.contextmanager
def chromium(driver: Any, *more: str) -> Iterator[Any]:
    """A browser, as playwright's `Browser`. more: of its flags."""
    found = os.environ.get("INSPAN_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and not Path(driver.chromium.executable_path).exists():
        pytest.skip("no Chromium: apt install chromium, or name one in INSPAN_TEST_CHROMIUM")
    browser = driver.chromium.launch(executable_path=found, headless=True, args=[*FLAGS, *more])
    try:
        yield browser
    finally:
        browser.close()


class Visit:
    """One look at a sidecar's page. complaints: what the browser had against it; asked: the URLs it fetched."""

    def __init__(
        self, browser: Any, url: str, *, scheme: str = "light", size: dict[str, int] = WIDE, **more: Any
    ) -> None:
        self.context = browser.new_context(viewport=size, color_scheme=scheme, **more)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def live(self) -> "Visit":
        """Wait until the first moment has been drawn."""
        self.says("#link", "live")
        return self

    def text(self, selector: str) -> str:
        """What people read there."""
        return str(self.page.locator(selector).inner_text())

    def says(self, selector: str, words: str, *, seconds: float = 10.0) -> None:
        """Wait until these words are there; fails after so many seconds."""
        self.page.locator(selector, has_text=words).first.wait_for(timeout=seconds * 1000)

    def ask(self, script: str, argument: Any = None) -> Any:
        """Evaluate JavaScript in the page."""
        return self.page.evaluate(script, argument)
