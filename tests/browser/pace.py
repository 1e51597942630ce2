"""Time in the pages: tests move the clock of a page by hand, so that none of them waits for a poll or a delay.

    page = visit("/devices", before=own_time)
    after(page, 3_300, "/api/nodes/status")         # the next poll, and its answer

Real time goes on in such a page as well; what a test moves comes on top.
"""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from playwright.sync_api import Page, Response, expect

_LAST = "/healthz"
FLEET = "/api/nodes/status"
FLEET_MS = 3_300
"""The longest that the page of the devices waits between two polls: its 3 s and 10 %."""

_HIDE = """(hidden) => {
  const say = (name, value) => Object.defineProperty(document, name, { configurable: true, get: () => value });
  say("hidden", hidden);
  say("visibilityState", hidden ? "hidden" : "visible");
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def own_time(page: Page) -> None:
    """Give the page a clock that the test can move."""
    page.clock.install()


def after(page: Page, ms: int, path: str) -> Response:
    """Let time pass; the answer to the next request of `path` that this brings."""
    with page.expect_response(lambda answer: path in answer.url) as found:
        page.clock.run_for(ms)
    return found.value


def poll(page: Page) -> Response:
    """The next poll of the tiles of `/devices`."""
    return after(page, FLEET_MS, FLEET)


def stop_time(page: Page) -> None:
    """From now on only the test moves the clock. What was due within the next 5 s happens now."""
    page.clock.pause_at(datetime.fromtimestamp(page.evaluate("Date.now()") / 1000 + 5, UTC))
    settle(page)


def settle(page: Page) -> None:
    """Wait for the answers to the fragments that are asked for."""
    expect(page.locator(".htmx-request")).to_have_count(0)


def hide(page: Page, hidden: bool = True) -> None:
    """As if another tab came to the front, or this one again."""
    page.evaluate(_HIDE, hidden)


class Asked:
    """What a page asks for from now on.

    asked = Asked(page)
    page.clock.run_for(60_000)
    assert asked.paths() == []
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._seen: list[str] = []
        page.on("request", lambda request: self._seen.append(request.url))

    def paths(self) -> list[str]:
        """The addresses so far; a request of our own comes after them all."""
        with self._page.expect_response(lambda answer: answer.url.endswith(_LAST)):
            self._page.evaluate("(path) => void fetch(path)", _LAST)
        seen = [url for url in self._seen if not url.endswith(_LAST)]
        return [urlsplit(url).path for url in seen]
