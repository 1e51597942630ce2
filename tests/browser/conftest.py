"""A real browser on real pages. Chromium is Debian's; Playwright's own browsers are never downloaded. Debian's headless
shell of it is the same engine without windows around, at a third of the CPU time; RACKHAND_CHROMIUM=/usr/bin/chromium
takes the whole browser instead (`make nightly` does).

    def test_a_tile_changes(site: Site, visit: Visit) -> None:
        page = visit("/devices")                                   # logged in as admin, English, light, 1440 px
        page = visit("/devices", language="ko", theme="dark", width=390, js=False, role=Role.VIEWER)
        expect(page.get_by_role("link", name="3 · online · idle")).to_be_visible()
        site.do(lambda lab: lab.beat("PC-01", ...))                # something happens in the fleet

`site` is one server for all tests of a module, filled by `furnish` (fleet.py): add to it; you are not alone there.
`empty_site` is one without devices. Every page fails its test if the console shows an error, a script throws or the
Content-Security-Policy is violated; what a test causes on purpose it names: `visit(..., expected=r"503")`.
Under the strict policy `page.wait_for_function("text")` is refused: wait by `expect(...)`. Time is in the test's hands:
`visit(path, before=pace.own_time)` (pace.py); `before` gets the page before anything is loaded.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright
from tests.browser.fleet import furnish

from rackhand.engine.access import Role
from rackhand.server.fake_site import Site
from rackhand.server.session_cookie import NAME

_CHROMIUMS = (os.environ.get("RACKHAND_CHROMIUM", ""), "/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = next(filter(Path.is_file, map(Path, _CHROMIUMS)), Path(_CHROMIUMS[-1]))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 30_000
_WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
expect.set_options(timeout=WAIT_MS)


def _leave(page: Page) -> None:
    """A page that writes its draft while its context goes hangs the browser; one that is on its way is left there."""
    with suppress(Error):
        page.goto("about:blank")
        return
    with suppress(Error):
        page.wait_for_load_state()
        page.goto("about:blank")


class Place(Protocol):
    """What pages are opened of: a `Site`, or a server of its own process."""

    @property
    def url(self) -> str: ...

    def cookie(self, role: Role) -> str: ...


@dataclass
class Visit:
    """Opens pages, each in a context of its own, and keeps what they complained of."""

    browser: Browser
    site: Place
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def __call__(
        self,
        path: str,
        *,
        language: str = "en",
        theme: str = "light",
        width: int = 1440,
        height: int = 900,
        js: bool = True,
        role: Role | None = Role.ADMIN,
        expected: str = "",
        site: Place | None = None,
        before: Callable[[Page], object] | None = None,
        **options: Any,
    ) -> Page:
        where = site or self.site
        if expected:
            self.expected.append(expected)
        context = self.browser.new_context(
            base_url=where.url,
            viewport={"width": width, "height": height},
            java_script_enabled=js,
            color_scheme="dark" if theme == "dark" else "light",
            locale=language,
            **options,
        )
        self.contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        if role is not None:
            context.add_cookies([{"name": NAME, "value": where.cookie(role), "url": where.url}])
        context.add_init_script(_WATCH_POLICY)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        if before is not None:
            before(page)
        page.goto(path)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def close(self) -> list[str]:
        """Ends everything; the complaints that nobody expected."""
        for context in self.contexts:
            for page in context.pages:
                _leave(page)
            context.close()
        return [text for text in self.complaints if not any(re.search(known, text) for known in self.expected)]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser while tests of this folder follow each other. It ends with the last of them: Playwright keeps an
    event loop running in this thread, and no other test of this process could start one of its own meanwhile.
    """
    if not CHROMIUM.exists():
        reason = f"no {CHROMIUM} here: `make browser` installs Debian's, as root"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with a fleet in every state."""
    folder = tmp_path_factory.mktemp("site")
    with Site(folder) as opened:
        furnish(opened)
        yield opened
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that was just installed."""
    with Site(tmp_path_factory.mktemp("empty")) as opened:
        yield opened


@pytest.fixture
def visit(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Opens pages of `site`, or of the site given; see above."""
    names = [name for name in ("site", "empty_site") if name in request.fixturenames]
    opened = Visit(chromium, request.getfixturevalue(names[0] if names else "site"))
    yield opened
    assert opened.close() == []
