"""Time in the pages: tests move the clock of a page by hand, so that none of them waits for a poll or a delay.

    page = visit("/devices", before=own_time)
    after(page, 3_300, "/api/nodes/status")         # the next poll, and its answer

Real time goes on in such a page as well; what a test moves comes on top.
"""

from playwright.sync_api import Page, Request, Response

FLEET = "/api/nodes/status"
FLEET_MS = 3_300
"""The longest that the page of the devices waits between two polls: its 3 s and 10 %."""

_HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  Object.defineProperty(document, "visibilityState", { configurable: true, get: () => (hidden ? "hidden" : "visible") });
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


def hide(page: Page, hidden: bool = True) -> None:
    """As if another tab came to the front, or this one again."""
    page.evaluate(_HIDE, hidden)


def requests_of(page: Page) -> list[Request]:
    """Everything that the page asks for from now on; the list grows."""
    seen: list[Request] = []
    page.on("request", seen.append)
    return seen
